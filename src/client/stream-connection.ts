import type { Client, ClientDuplexStream, Metadata, StatusObject } from "@grpc/grpc-js";

/** Who hears what happens on a connection. */
export interface ConnectionListener {
  onMessage(message: Buffer): void;
  /** After a write that was refused. */
  onWritable(): void;
  /** The end, after the last message. */
  onClosed(status: StatusObject): void;
}

/** One bidirectional call, as a stream uses it. */
export interface StreamConnection {
  /** The address of the server that took the call; undefined: none has. */
  readonly peer: string | undefined;
  /** Sends a message; false: it was taken, but no more should come until `onWritable`. */
  write(message: Buffer): boolean;
  /** Closes this direction. */
  finish(): void;
  /** Ends the call; its listener hears nothing any more. */
  cancel(): void;
  /** Leaves further messages where they are, which stops the server in the end. */
  pause(): void;
  resume(): void;
}

/** How a stream opens its calls. */
export interface CallDetails {
  readonly metadata: Metadata;
  /** When the call is given up, on the clock of `Date.now()`; undefined: never. */
  readonly deadline: number | undefined;
  /** The method, `/package.Service/Method`. */
  readonly path: string;
}

/** Opens a call; its messages are the bytes as they travel. */
export function openStream(
  client: Client,
  { metadata, deadline, path }: CallDetails,
  listener: ConnectionListener,
): StreamConnection {
  const bytes = (message: Buffer) => message;
  const call = client.makeBidiStreamRequest(path, bytes, bytes, metadata, deadline === undefined ? {} : { deadline });
  return listenTo(call, client.getChannel().getTarget(), listener);
}

/** @param target what `getPeer` says while no server has the call */
function listenTo(
  call: ClientDuplexStream<Buffer, Buffer>,
  target: string,
  listener: ConnectionListener,
): StreamConnection {
  let isOver = false;
  let isRead = false;
  let status: StatusObject | undefined;
  const closeWhenRead = () => {
    if (isOver || !isRead || status === undefined) return; // the status may come before the last messages were read
    isOver = true;
    listener.onClosed(status);
  };
  call.on("data", (message: Buffer) => {
    if (!isOver) listener.onMessage(message);
  });
  call.on("drain", () => {
    if (!isOver) listener.onWritable();
  });
  call.on("status", (ending) => {
    status = ending;
    closeWhenRead();
  });
  call.on("end", () => {
    isRead = true;
    closeWhenRead();
  });
  call.on("error", () => {}); // the same failure comes as a status
  return {
    get peer() {
      const peer = call.getPeer();
      return peer === target ? undefined : peer;
    },
    write: (message) => call.write(message),
    finish: () => void call.end(),
    cancel: () => {
      isOver = true;
      call.cancel();
    },
    pause: () => void call.pause(),
    resume: () => void call.resume(),
  };
}
