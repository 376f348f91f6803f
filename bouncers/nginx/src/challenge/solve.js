var script = document.currentScript || document.scripts[document.scripts.length - 1];
var task = script.dataset;

// SHA-256's constants: the first 32 bits behind the point of the square and cube roots of the first primes.
var state = [], rounds = [];
for (var n = 2; rounds.length < 64; n++) {
  var prime = true;
  for (var d = 2; d * d <= n; d++) prime = prime && n % d !== 0;
  if (!prime) continue;
  if (state.length < 8) state.push((Math.pow(n, 1 / 2) * 4294967296) | 0);
  rounds.push((Math.pow(n, 1 / 3) * 4294967296) | 0);
}

// The first 32 bits of the SHA-256 of at most 55 ASCII characters.
var w = new Int32Array(64);
function hash(text) {
  var i, length = text.length;
  for (i = 0; i < 16; i++) w[i] = 0;
  for (i = 0; i < length; i++) w[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i & 3));
  w[length >> 2] |= 128 << (24 - 8 * (length & 3));
  w[15] = length * 8;
  for (i = 16; i < 64; i++) {
    var x = w[i - 15], y = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] +
      ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) +
      ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
  }
  var a = state[0], b = state[1], c = state[2], d = state[3];
  var e = state[4], f = state[5], g = state[6], h = state[7];
  for (i = 0; i < 64; i++) {
    var t = (h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) +
      (e & f ^ ~e & g) + rounds[i] + w[i]) | 0;
    var u = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) +
      (a & b ^ a & c ^ b & c)) | 0;
    h = g; g = f; f = e; e = (d + t) | 0;
    d = c; c = b; b = a; a = (t + u) | 0;
  }
  return (state[0] + a) >>> 0;
}

// By https under a name that nothing sent by http can take, and sent along by whoever comes back from another site.
function handIn(number) {
  var https = location.protocol === "https:";
  var value = (https ? "__Host-" : "") + task.cookie + "=" + task.window + "-" + number;
  var rest = https ? "; SameSite=None; Secure" : "; SameSite=Lax";
  document.cookie = value + "; Path=/; Max-Age=" + task.lasts + rest;
  if (document.cookie.split("; ").indexOf(value) < 0) {
    say("This takes a cookie, which your browser refuses.");
    return;
  }
  say("Done.");
  location.reload();
}

// In slices, so that the page stays alive; by messages, as timers sleep in a tab that nobody looks at.
var number = 0, most = Math.pow(2, 32 - task.bits), next = new MessageChannel();
function work() {
  for (var slice = 0; slice < 32768; slice++, number++) {
    if (hash(task.seed + ":" + number) < most) return handIn(number);
  }
  next.port2.postMessage(0);
}
next.port1.onmessage = work;
window.addEventListener("load", function () {
  if (isInACircle()) return;
  say("Computing.");
  work();
});
