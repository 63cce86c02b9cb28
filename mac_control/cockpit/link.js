// The connection to the robot: it comes back by itself, and a silent one counts as lost.
const SILENT = 2500;   // [ms] without a word: lost, whatever the socket says
const RETRY = 1000, GIVE_UP = 6000;
const page = Math.random().toString(36).slice(2);  // the same for every connection of this page

export class Link {
  #socket = null; #received = 0; #tried = 0; #on;
  met = false; lost = false;

  // on: {state, me, note, lost, back}, called with what was said.
  constructor(on) {
    this.#on = on;
    this.#connect();
    setInterval(() => this.#look(), 250);
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws?page=${page}`);
    this.#socket = socket; this.#tried = performance.now();
    socket.onmessage = event => { if (socket === this.#socket) this.#receive(JSON.parse(event.data)); };
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      this.#lose();
      setTimeout(() => { if (socket === this.#socket) this.#connect(); }, RETRY);
    };
  }

  #receive(said) {
    this.#received = performance.now();
    if (said.you) { this.#on.me(said.you); return; }
    if (said.note) { this.#on.note(said.note, said.bad); return; }
    const back = this.lost;
    this.met = true; this.lost = false;
    this.#on.state(said, back);
  }

  #lose() {
    if (this.lost || !this.met) return;
    this.lost = true;
    this.#on.lost();
  }

  #look() {
    const now = performance.now();
    if (this.met && now - this.#received > SILENT) this.#lose();
    // A network that is gone closes nothing: leave that socket to itself and try another.
    if (now - Math.max(this.#tried, this.#received) > GIVE_UP) this.#connect();
  }

  get open() { return this.#socket.readyState === WebSocket.OPEN && !this.lost; }

  // `urgent` does not wait for a network that is behind.
  send(value, urgent = false) {
    if (this.#socket.readyState === WebSocket.OPEN && (urgent || this.#socket.bufferedAmount < 4096))
      this.#socket.send(JSON.stringify(value));
  }
}
