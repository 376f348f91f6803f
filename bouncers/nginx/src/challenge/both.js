"use strict";

function say(text) {
  var place = document.getElementById("vigie");
  if (place) place.textContent = text;
}

// Who did what was asked and is asked again comes from another address each time, or before another machine: it would go on
// for ever. Three times within two minutes is enough.
function isInACircle() {
  try {
    var now = Date.now();
    var times = (sessionStorage.getItem("vigie") || "").split(" ").filter(function (time) {
      return now - time < 120000 && time !== "";
    });
    times.push(now);
    sessionStorage.setItem("vigie", times.join(" "));
    if (times.length > 3) {
      say("What was asked was done and is asked again: your address may change with every request. Try again later.");
      return true;
    }
  } catch (refused) {
    // Nothing is kept here.
  }
  return false;
}

