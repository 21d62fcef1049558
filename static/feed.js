// The live feed's connection: one WebSocket to one of the pair's two nodes, whichever answers.
//
// A stream is a birth and then numbered changes; a gap means birth again. A node counts as alive while
// something comes from it, pings included: a socket that is merely open proves nothing.

export const SILENCE = 3000;     // ms without any message, after which nothing shown may be trusted
const ANSWER = 1500;             // ms that a node has to send its birth after it was called
const FIRST = 250, LAST = 5000;  // ms between two rounds of calls: full jitter between FIRST and a growing cap
const OWN_SILENT = 2000;         // ms without an answer from the page's own node before the page moves

class Call {
  // One WebSocket, from dialling to its end. Speaks to the feed only by heard(), born() and ended().
  constructor(feed, url) {
    this.feed = feed;
    this.url = url;
    this.born = false;
    this.epoch = this.seq = this.gateway = null;
    this.socket = new WebSocket(`ws${url.slice(4)}/ws/live`);
    this.socket.onopen = () => this.send({type: "subscribe", paths: feed.paths()});
    this.socket.onmessage = (event) => this.read(event.data);
    this.socket.onclose = () => this.end();
    this.deadline = setTimeout(() => { if (!this.born) this.end(); }, ANSWER);
  }

  send(frame) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  read(text) {
    const frame = JSON.parse(text);
    if (frame.type === "gateway") this.gateway = frame;
    if (frame.type === "ping") this.send({type: "pong", server_time: frame.server_time});
    if (frame.type === "birth") {
      Object.assign(this, {born: true, epoch: frame.epoch, seq: 0});
      this.feed.born(this);
    }
    if (frame.type === "data") {
      if (frame.epoch !== this.epoch || frame.seq !== this.seq + 1) {
        this.send({type: "birth"});
        return;
      }
      this.seq = frame.seq;
    }
    this.feed.heard(this, frame);
  }

  end() {
    if (!this.socket) return;
    const socket = this.socket;
    this.socket = {readyState: WebSocket.CLOSED};
    clearTimeout(this.deadline);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.feed.ended(this);
  }
}

export class Feed {
  // paths(): what the page shows now. frame(frame, own): a frame to apply. changed(): who answers has changed.
  // move(): the page's own node is gone and the other one answers; true if the page leaves.
  constructor({own, other, paths, frame, changed, move}) {
    Object.assign(this, {own, other, paths, frame, changed, move});
    this.calls = new Map();      // url -> Call
    this.current = null;
    this.round = 0;
    this.lastHeard = performance.now();
    this.ownHeard = performance.now();
    this.timer = null;
  }

  start() {
    this.dial(this.own);
    setInterval(() => this.watch(), 500);
  }

  get onOther() { return this.current !== null && this.current.url === this.other; }
  get silentFor() { return performance.now() - this.lastHeard; }
  get silent() { return this.silentFor > SILENCE; }

  resubscribe(added, removed) {
    if (removed.length) this.current?.send({type: "unsubscribe", paths: removed});
    if (added.length) this.current?.send({type: "subscribe", paths: added});
  }

  // -- from the calls

  heard(call, frame) {
    if (call.url === this.own) this.ownHeard = performance.now();
    if (call !== this.current) return;
    this.lastHeard = performance.now();
    this.frame(frame, call.url === this.own);
  }

  born(call) {
    const better = this.current === null || (this.onOther && call.url === this.own);
    if (!better) return;
    const old = this.current;
    this.current = call;
    this.round = 0;
    if (old !== null && old !== call) old.end();
    if (call.url === this.own) this.calls.get(this.other)?.end();
    // What the node said of itself came before its birth.
    if (call.gateway !== null) this.frame(call.gateway, call.url === this.own);
    this.changed();
  }

  ended(call) {
    if (this.calls.get(call.url) === call) this.calls.delete(call.url);
    if (call === this.current) {
      this.current = null;
      this.round = 0;
      this.changed();
      this.dialBoth();
    } else if (this.current === null || this.onOther) {
      this.retry();
    }
  }

  // -- calling

  dial(url) {
    if (url && !this.calls.has(url)) this.calls.set(url, new Call(this, url));
  }

  dialBoth() {
    clearTimeout(this.timer);
    this.timer = null;
    this.dial(this.own);
    if (this.current === null) this.dial(this.other);
  }

  retry() {
    if (this.timer !== null) return;
    const cap = Math.min(LAST, FIRST * 2 ** Math.min(this.round, 8));
    this.round += 1;
    this.timer = setTimeout(() => this.dialBoth(), FIRST + Math.random() * (cap - FIRST));
  }

  // -- the watchdog: also called when the page becomes visible, since hidden pages' timers are throttled

  watch() {
    if (this.current !== null && this.silent) {
      this.current.end();
    }
    if (this.onOther && performance.now() - this.ownHeard > OWN_SILENT && !this.silent) this.move();
  }
}
