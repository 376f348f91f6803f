//! The sensor from outside: whole lines through rules, rule files through the loader.
