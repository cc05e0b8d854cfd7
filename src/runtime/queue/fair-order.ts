/** One who takes part in a {@link FairOrder}, which alone writes `startTag`, `place` and `rank`. */
export interface FairMember {
  /** What it is served beside the weights of the others; above 0. May change at any time and counts from the next charge on. */
  readonly weight: number;
  /** Virtual time at which its next turn may begin. */
  startTag: number;
  /** Where it stands in the order; -1: it does not wait. Begins as -1. */
  place: number;
  /** Who began to wait earlier has the lower rank and goes first where two turns may begin at the same time. */
  rank: number;
}

/**
 * Who of those that wait is served next, by start-time fair queuing in virtual time (Goyal, Vin and Cheng, SIGCOMM 1996): the one whose turn
 * may begin earliest; a turn of cost c ends c / weight later, and there its next one begins. The cost is charged when the turn is given and
 * corrected when it is known (as Kubernetes' API priority and fairness does). Who comes back begins no earlier than the turn given last, so
 * idleness earns nothing; when nobody waits any more, all are even. Between two members that always wait, the costs served by weight
 * never differ by more than the sum of their largest turns by weight. Pure state: time passes by charges alone, and each step takes
 * the logarithm of the number of members.
 */
export class FairOrder<M extends FairMember> {
  /** A binary heap, the earliest first. */
  readonly #waiting: M[] = [];
  /** The start of the turn given last. */
  #virtualTime = 0;
  /** The end of the latest turn charged since everybody was even. */
  #latestEnd = 0;
  #lastRank = 0;

  /** The member served next; undefined: nobody waits. */
  get first(): M | undefined {
    return this.#waiting[0];
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** All that wait, in no order. */
  get members(): readonly M[] {
    return this.#waiting;
  }

  /** A member that had nothing to do waits from now on. */
  enter(member: M): void {
    member.rank = ++this.#lastRank;
    this.resume(member, Math.max(member.startTag, this.#virtualTime));
  }

  /** A member has nothing to do any more. */
  leave(member: M): void {
    this.suspend(member);
    if (this.#waiting.length > 0) return;
    this.#virtualTime = Math.max(this.#virtualTime, this.#latestEnd); // whoever comes next finds all of them even
    this.#latestEnd = 0;
  }

  /** A member that waits gets a turn of this cost. */
  charge(member: M, cost: number): void {
    if (member.startTag > this.#virtualTime) this.#virtualTime = member.startTag;
    this.move(member, member.startTag + cost / member.weight);
    if (member.startTag > this.#latestEnd) this.#latestEnd = member.startTag;
  }

  /** A turn that was charged cost so much more, or less where negative. */
  correct(member: M, difference: number): void {
    this.move(member, member.startTag + difference / member.weight);
    if (this.#waiting.length > 0 && member.startTag > this.#latestEnd) this.#latestEnd = member.startTag;
  }

  /** Lets a member's next turn begin at another time, as if it had been charged: for looking ahead, undone with the old time. */
  move(member: M, startTag: number): void {
    member.startTag = startTag;
    if (member.place < 0) return;
    this.#rise(member);
    this.#sink(member);
  }

  /** Takes a member out while looking ahead: it has been seen whole. */
  suspend(member: M): void {
    const { place } = member;
    if (place < 0) return;
    member.place = -1;
    const last = this.#waiting.pop() as M; // whoever has a place is in the heap
    if (last === member) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Lets a member wait, its next turn beginning at this time. */
  resume(member: M, startTag: number): void {
    if (member.place < 0) this.#put(member, this.#waiting.length);
    this.move(member, startTag);
  }

  #put(member: M, place: number): void {
    this.#waiting[place] = member;
    member.place = place;
  }

  #rise(member: M): void {
    while (member.place > 0) {
      const above = this.#waiting[(member.place - 1) >> 1] as M; // places above are taken
      if (!isBefore(member, above)) return;
      this.#swap(above, member);
    }
  }

  #sink(member: M): void {
    for (;;) {
      const left = this.#waiting[2 * member.place + 1];
      const right = this.#waiting[2 * member.place + 2];
      if (left === undefined) return;
      const least = right !== undefined && isBefore(right, left) ? right : left;
      if (!isBefore(least, member)) return;
      this.#swap(member, least);
    }
  }

  /** Exchanges a member with one below it. */
  #swap(above: M, below: M): void {
    const { place } = above;
    this.#put(above, below.place);
    this.#put(below, place);
  }
}

/** A total order, so that looking ahead and giving turns always agree. */
function isBefore(a: FairMember, b: FairMember): boolean {
  return a.startTag < b.startTag || (a.startTag === b.startTag && a.rank < b.rank);
}
