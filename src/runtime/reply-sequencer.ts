import type { Reply } from "../inference.ts";

interface Place {
  /** What to do when everything before has been answered; undefined: no answer yet. */
  deliver: (() => void) | undefined;
  next: Place | undefined;
}

/**
 * Lets answers leave in the order in which their requests came (`preserve_ordering`), although several instances finish in any order. The
 * place is reserved when the request enters the queue, which is the documented contract.
 */
export class ReplySequencer {
  #first: Place | undefined;
  #last: Place | undefined;

  /** A reply that holds its place until all earlier ones have been answered. */
  reserve(reply: Reply): Reply {
    const place: Place = { deliver: undefined, next: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    return {
      respond: (response, isFinal) => this.#settle(place, () => reply.respond(response, isFinal)),
      fail: (error) => this.#settle(place, () => reply.fail(error)),
    };
  }

  #settle(place: Place, deliver: () => void): void {
    place.deliver = deliver;
    while (this.#first?.deliver !== undefined) {
      const { deliver: ready, next } = this.#first;
      this.#first.next = undefined; // a promoted place would keep all later ones alive
      this.#first = next;
      if (next === undefined) this.#last = undefined;
      ready();
    }
  }
}
