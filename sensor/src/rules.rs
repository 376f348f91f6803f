//! Rule files: loaded strictly, compiled once, shared by all parsers.
//!
//! The format is that of the `CrowdSec` hub. What a file asks and this version cannot do is an error with
//! file, line and column, never left out in silence. Only [`Loader::dir`] and its like touch files.

mod bayes;
mod builtin;
pub(crate) mod duration;
mod error;
mod files;
pub mod manifest;
mod node;
pub(crate) mod reader;
mod scenario;
pub(crate) mod yaml;

use std::sync::Arc;

use hashbrown::HashSet;

pub use self::bayes::{Bayes, BayesCondition};
pub use self::error::{Place, RuleError, RuleErrors};
pub(crate) use self::files::absent_databases;
use self::reader::Text;
pub use self::scenario::{BucketKind, Scenario, ScopeRule};
use self::yaml::Source;
use crate::expr::{Context, Data, ExprErrors, Expression, Scope};
use crate::grok::{Grok, Library};
use crate::outside::{Decisions, Outside, Places, Resolver};
use crate::parse::names::{FieldId, Names, Space};
use crate::parse::node::Node;

/// Compiled rules.
#[derive(Debug)]
pub struct Ruleset {
    names: Arc<Names>,
    pub(crate) stages: Arc<[Stage]>,
    pub(crate) postoverflows: Arc<[Stage]>,
    pub(crate) groks: usize,
    /// What they may ask beyond their lines.
    pub(crate) outside: Arc<Outside>,
    /// Whether any expression looks at the events of an alert.
    pub(crate) reads_alert_events: bool,
    /// The scenarios, in the order in which they were loaded.
    pub scenarios: Vec<Arc<Scenario>>,
    /// What is odd and does no harm: a target that no event has, a name given twice.
    pub warnings: Vec<RuleError>,
}

/// A stage and its nodes.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: Box<str>,
    pub(crate) nodes: Vec<Node>,
}

/// Gathers rules, then compiles them.
#[derive(Debug)]
pub struct Loader {
    library: Library,
    data: Vec<(String, String)>,
    data_dir: Option<std::path::PathBuf>,
    outside: Outside,
    parsers: Vec<File>,
    postoverflows: Vec<File>,
    scenarios: Vec<File>,
    errors: Vec<RuleError>,
}

#[derive(Debug)]
struct File {
    name: String,
    stage: String,
    text: String,
}

/// What compiling has at hand.
pub(crate) struct Compiler<'c> {
    names: Names,
    data: &'c mut Data,
    data_dir: Option<&'c std::path::Path>,
    library: Library,
    groks: usize,
    reads_alert_events: bool,
    warnings: Vec<RuleError>,
}

// === impl Ruleset ===

impl Ruleset {
    /// Our own rules, which come with the program.
    pub fn builtin() -> Result<Self, RuleErrors> {
        Loader::builtin().finish()
    }

    /// The rules of a directory in the hub's layout: `parsers/<stage>/**`, `scenarios/**`, `patterns/*`.
    pub fn load_dir(dir: &std::path::Path) -> Result<Self, RuleErrors> {
        let mut loader = Loader::new();
        loader.dir(dir);
        loader.finish()
    }

    /// The slots of all fields that these rules name.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Whether a line may be told what an earlier one left in a stash: then lines are parsed in their order.
    pub(crate) fn uses_stashes(&self) -> bool {
        fn keeps(nodes: &[Node]) -> bool {
            nodes
                .iter()
                .any(|node| !node.stashes.is_empty() || keeps(&node.children))
        }
        self.stages.iter().any(|stage| keeps(&stage.nodes))
    }

    /// Each stage with the names of its nodes.
    pub fn parsers(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.stages
            .iter()
            .map(|stage| (&*stage.name, stage.nodes.iter().map(|node| &*node.name).collect()))
    }
}

// === impl Loader ===

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl Loader {
    /// With our own patterns and no rules.
    pub fn new() -> Self {
        Self {
            library: Library::builtin(),
            data: Vec::new(),
            data_dir: None,
            outside: Outside::default(),
            parsers: Vec::new(),
            postoverflows: Vec::new(),
            scenarios: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// With our own rules.
    pub fn builtin() -> Self {
        let mut loader = Self::new();
        for (stage, files) in builtin::PARSERS {
            for (name, text) in *files {
                loader.parser(stage, name, text);
            }
        }
        for (name, text) in builtin::SCENARIOS {
            loader.scenario(name, text);
        }
        loader
    }

    /// Uses other named patterns than ours.
    pub fn patterns(&mut self, library: Library) -> &mut Self {
        self.library = library;
        self
    }

    /// Adds a parser file.
    pub fn parser(&mut self, stage: &str, name: &str, text: &str) -> &mut Self {
        self.parsers.push(File {
            name: name.to_owned(),
            stage: stage.to_owned(),
            text: text.to_owned(),
        });
        self
    }

    /// Adds a file of a postoverflow.
    pub fn postoverflow(&mut self, stage: &str, name: &str, text: &str) -> &mut Self {
        self.postoverflows.push(File {
            name: name.to_owned(),
            stage: stage.to_owned(),
            text: text.to_owned(),
        });
        self
    }

    /// Adds a scenario file.
    pub fn scenario(&mut self, name: &str, text: &str) -> &mut Self {
        self.scenarios.push(File {
            name: name.to_owned(),
            stage: String::new(),
            text: text.to_owned(),
        });
        self
    }

    /// Adds a data file under the name that expressions use.
    pub fn data(&mut self, name: &str, text: &str) -> &mut Self {
        self.data.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Says where addresses are; without it those of the data directory, if it has any.
    pub fn places(&mut self, places: Box<dyn Places>) -> &mut Self {
        self.outside.set_places(places);
        self
    }

    /// Says who answers for names; without it nobody does.
    pub fn resolver(&mut self, resolver: Box<dyn Resolver>) -> &mut Self {
        self.outside.set_resolver(resolver);
        self
    }

    /// Says who knows of decisions; without it there were none.
    pub fn decisions(&mut self, decisions: Box<dyn Decisions>) -> &mut Self {
        self.outside.set_decisions(decisions);
        self
    }

    /// What `Hostname()` gives.
    pub fn hostname(&mut self, name: &str) -> &mut Self {
        self.outside.set_hostname(name);
        self
    }

    /// Compiles; any fault refuses the whole.
    pub fn finish(self) -> Result<Ruleset, RuleErrors> {
        let (rules, errors) = self.finish_lenient();
        if errors.is_empty() {
            Ok(rules)
        } else {
            Err(RuleErrors(errors))
        }
    }

    /// Compiles what can be compiled, and tells what could not: for `check` and for statistics.
    pub fn finish_lenient(mut self) -> (Ruleset, Vec<RuleError>) {
        let mut errors = std::mem::take(&mut self.errors);
        let mut data = Data::new(Arc::new(std::mem::take(&mut self.outside)));
        for (name, text) in std::mem::take(&mut self.data) {
            data.insert(&name, &text);
        }
        let mut compiler = Compiler {
            names: Names::default(),
            data: &mut data,
            data_dir: self.data_dir.as_deref(),
            library: self.library,
            groks: 0,
            reads_alert_events: false,
            warnings: Vec::new(),
        };
        let stages = read_stages(&mut compiler, &mut self.parsers, &mut errors);
        let postoverflows = read_stages(&mut compiler, &mut self.postoverflows, &mut errors);
        self.scenarios
            .sort_by(|one, other| one.order().cmp(&other.order()));
        let mut scenarios: Vec<Arc<Scenario>> = Vec::new();
        let mut known: HashSet<Arc<str>> = HashSet::new();
        for file in &self.scenarios {
            let source = Source::new(&file.name, &file.text);
            let (documents, broken) = source.documents();
            errors.extend(broken);
            for document in documents.iter().filter(|document| !document.root.is_null()) {
                let scenario = Scenario::read(&mut compiler, &source, &document.root, document.text);
                if let Some(scenario) = source.settle(scenario, &mut errors) {
                    if !known.insert(Arc::clone(&scenario.name)) {
                        let message = format!("there is another scenario {:?}", scenario.name);
                        compiler.warnings.push(source.error_at(&document.root, message));
                    }
                    scenarios.push(Arc::new(scenario));
                }
            }
        }
        let rules = Ruleset {
            groks: compiler.groks,
            outside: compiler.data.outside(),
            reads_alert_events: compiler.reads_alert_events,
            names: Arc::new(compiler.names),
            warnings: compiler.warnings,
            stages: stages.into(),
            postoverflows: postoverflows.into(),
            scenarios,
        };
        (rules, errors)
    }
}

// === impl File ===

impl File {
    /// Installed rules lie side by side under the name of their file, whoever wrote them, and are read in that order.
    fn order(&self) -> (&str, &str, &str) {
        let file = self
            .name
            .rsplit_once('/')
            .map_or(self.name.as_str(), |(_, file)| file);
        (&self.stage, file, &self.name)
    }
}

/// Compiles files to stages.
fn read_stages(compiler: &mut Compiler<'_>, files: &mut [File], errors: &mut Vec<RuleError>) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    files.sort_by(|one, other| one.order().cmp(&other.order()));
    for file in files {
        let source = Source::new(&file.name, &file.text);
        let (documents, broken) = source.documents();
        errors.extend(broken);
        for document in documents.iter().filter(|document| !document.root.is_null()) {
            let node = node::read(compiler, &source, &document.root, None);
            if let Some(node) = source.settle(node, errors) {
                add_to_stage(&mut stages, &file.stage, node);
            }
        }
    }
    stages
}

/// Puts a node behind those of its stage.
fn add_to_stage(stages: &mut Vec<Stage>, name: &str, node: Node) {
    if let Some(stage) = stages.iter_mut().find(|stage| *stage.name == *name) {
        stage.nodes.push(node);
        return;
    }
    stages.push(Stage {
        name: name.into(),
        nodes: vec![node],
    });
}

// === impl Compiler ===

impl Compiler<'_> {
    #[expect(
        clippy::unnecessary_wraps,
        reason = "callers read on with ? as with all others"
    )]
    fn expression(
        &mut self,
        source: &Source<'_>,
        text: &Text<'_>,
        scope: Scope,
        compile: fn(&str, Scope, &mut Context<'_>) -> Result<Expression, ExprErrors>,
    ) -> Result<Expression, RuleError> {
        self.warn_of_silence(source, text);
        // However they are come by, they are called so.
        self.reads_alert_events |= text.text.contains("Events");
        let mut context = Context {
            names: &mut self.names,
            data: self.data,
        };
        Ok(
            compile(&text.text, scope, &mut context).unwrap_or_else(|ExprErrors(errors)| {
                for error in errors {
                    source.report(source.error_in(text.node, error.at, error.message));
                }
                Expression::broken()
            }),
        )
    }

    /// Says of an expression that it asks what nobody answers here, so that its author learns it when it loads.
    fn warn_of_silence(&mut self, source: &Source<'_>, text: &Text<'_>) {
        let outside = self.data.outside();
        let (decisions, names) = (outside.decisions().is_some(), outside.resolver().is_some());
        let questions = [
            ("GetDecisionsCount", decisions, "it is 0"),
            ("GetDecisionsSinceCount", decisions, "it is 0"),
            ("GetActiveDecisionsCount", decisions, "it is 0"),
            ("GetActiveDecisionsTimeLeft", decisions, "it is 0"),
            ("LookupHost", names, "no name has an address"),
        ];
        for (question, is_answered, instead) in questions {
            if !is_answered && text.text.contains(question) {
                let message = format!("nobody answers {question} here: {instead}");
                self.warnings.push(source.error_at(text.node, message));
            }
        }
    }

    fn any(&mut self, source: &Source<'_>, text: &Text<'_>, scope: Scope) -> Result<Expression, RuleError> {
        self.expression(source, text, scope, Expression::compile)
    }

    fn test(&mut self, source: &Source<'_>, text: &Text<'_>, scope: Scope) -> Result<Expression, RuleError> {
        self.expression(source, text, scope, Expression::compile_test)
    }

    fn text(&mut self, source: &Source<'_>, text: &Text<'_>, scope: Scope) -> Result<Expression, RuleError> {
        self.expression(source, text, scope, Expression::compile_text)
    }

    fn field(
        &mut self,
        source: &Source<'_>,
        node: &yaml::Node,
        space: Space,
        name: &str,
    ) -> Result<FieldId, RuleError> {
        self.names
            .intern(space, name)
            .ok_or_else(|| source.error_at(node, "the rules name too many fields"))
    }

    fn grok(&mut self, source: &Source<'_>, pattern: &Text<'_>) -> Result<Grok, RuleError> {
        self.library
            .compile(&pattern.text)
            .map_err(|error| source.error_at(pattern.node, error.to_string()))
    }

    /// Adds a named pattern; the first definition of a name stays, as in the original.
    fn define(&mut self, source: &Source<'_>, name: &str, pattern: &Text<'_>) -> Result<(), RuleError> {
        if !self.library.add(name, &pattern.text) {
            self.warnings.push(source.error_at(
                pattern.node,
                format!("there is another pattern {name:?}, which stays"),
            ));
            return Ok(());
        }
        self.library
            .check(&pattern.text)
            .map_err(|error| source.error_at(pattern.node, error.to_string()))
    }

    fn next_grok(&mut self) -> usize {
        self.groks += 1;
        self.groks - 1
    }
}
