interface Member<T> {
  readonly value: T;
  /** Virtual time at which its last turn began, and ended. */
  startTag: number;
  finishTag: number;
  isWaiting: boolean;
}

/**
 * Shares turns of a resource among members by start-time fair queuing in virtual time: the next turn goes to the waiting member whose turn
 * may begin earliest, a turn's end is corrected by what it really cost, and a member that was idle gets no credit for it. Between two members
 * that always wait, the costs served never differ by more than their two largest turns (Goyal, Vin and Cheng, SIGCOMM 1996).
 */
export class FairTurns<T> {
  readonly #members = new Map<T, Member<T>>();
  readonly #waiting = new Set<Member<T>>();
  #virtualTime = 0;

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  add(value: T): void {
    this.#members.set(value, { value, startTag: 0, finishTag: 0, isWaiting: false });
  }

  remove(value: T): void {
    this.withdraw(value);
    this.#members.delete(value);
  }

  /** A member has something to do. */
  offer(value: T): void {
    const member = this.#members.get(value);
    if (member === undefined || member.isWaiting) return;
    member.isWaiting = true;
    this.#waiting.add(member);
  }

  /** A member has nothing to do any more, or cannot. */
  withdraw(value: T): void {
    const member = this.#members.get(value);
    if (member !== undefined) this.#leave(member);
  }

  /**
   * Gives the next turn away. `start` tells whether the member used it; one that did not is asked again only after its next offer.
   * @returns whether anybody used it
   */
  grant(start: (value: T) => boolean, hasMore: (value: T) => boolean): boolean {
    for (;;) {
      const next = this.#earliest();
      if (next === undefined) return false;
      if (start(next.value)) {
        this.#virtualTime = next.startTag;
        if (!hasMore(next.value)) this.#leave(next);
        return true;
      }
      this.#leave(next);
    }
  }

  /** What a member's latest turn cost, in any unit that all members share. */
  charge(value: T, cost: number): void {
    const member = this.#members.get(value);
    if (member !== undefined) member.finishTag = member.startTag + cost;
  }

  #earliest(): Member<T> | undefined {
    let earliest: Member<T> | undefined;
    for (const member of this.#waiting) {
      member.startTag = Math.max(this.#virtualTime, member.finishTag);
      if (earliest === undefined || member.startTag < earliest.startTag) earliest = member;
    }
    return earliest;
  }

  #leave(member: Member<T>): void {
    member.isWaiting = false;
    this.#waiting.delete(member);
  }
}
