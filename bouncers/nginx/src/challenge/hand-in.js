var form = document.getElementById("vigie-form");
form.elements.to.value = location.pathname + location.search;
// The widget calls it by this name, and has put its answer into the form by then. Some do so without a click.
window.vigieSolved = function () {
  if (!isInACircle()) form.submit();
};
