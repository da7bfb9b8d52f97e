// What the kernel tells of a session's variables, and how a list of them is searched and sorted. Shows nothing.

import type { Kernel, KernelMessage } from '@jupyterlab/services';
import { type Language, TITLES, named } from './language';

const TARGET = 'snakebridge.variables';

export interface Variable {
  readonly name: string;
  readonly language: Language;
  readonly type: string;
  /** A length or a shape. */
  readonly size: string;
  readonly value: string;
}

/** What is known: all names, or the first of many. */
export interface Told {
  readonly variables: readonly Variable[];
  readonly more: boolean;
}

export type Column = keyof Variable;

export interface Order {
  readonly column: Column;
  readonly down: boolean;
}

/** The variables in which each word occurs, in that order. */
export function arrange(variables: readonly Variable[], filter: string, order: Order): Variable[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (v: Variable) => `${v.name} ${TITLES[v.language]} ${v.type} ${v.value}`.toLowerCase();
  const found = variables.filter(variable => {
    const searched = words.length > 0 ? text(variable) : '';
    return words.every(word => searched.includes(word));
  });
  const sign = order.down ? -1 : 1;
  return found.sort(
    (a, b) =>
      sign * compare(a, b, order.column) || collator.compare(a.name, b.name) || compare(a, b, 'language')
  );
}

const collator = new Intl.Collator(undefined, { numeric: true });

function compare(a: Variable, b: Variable, column: Column): number {
  if (column === 'size') return extent(a.size) - extent(b.size);
  return collator.compare(a[column], b[column]);
}

/** How many items a size stands for: `3`, `2 x 3`, `10 bytes`; what has none comes first. */
export function extent(size: string): number {
  const numbers = size.match(/\d+/g);
  return numbers ? numbers.reduce((product, number) => product * Number(number), 1) : -1;
}

/** Reads what a kernel has sent, and passes over what is none of it. */
export function told(data: unknown): Told {
  const { variables, more } = (data ?? {}) as { variables?: unknown; more?: unknown };
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const read = (Array.isArray(variables) ? variables : []).flatMap((item: Record<string, unknown>) => {
    const language = named(item?.['language']);
    if (!language || !text(item['name'])) return [];
    const { name, type, size, value } = item;
    return { name: text(name), language, type: text(type), size: text(size), value: text(value) };
  });
  return { variables: read, more: more === true };
}

/** Listens to one kernel, until it is disposed of: also over restarts and lost connections. */
export class Listener {
  /** `tell`: what is told; `undefined` while nothing is known, with the kernel starting or away. */
  constructor(
    private readonly kernel: Kernel.IKernelConnection,
    private readonly tell: (told: Told | undefined) => void
  ) {
    kernel.statusChanged.connect(this.follow, this);
    kernel.connectionStatusChanged.connect(this.follow, this);
    this.follow();
  }

  /** Whether another view of the same notebook has this kernel's comms. */
  get isElsewhere(): boolean {
    return !this.kernel.handleComms;
  }

  dispose(): void {
    this.kernel.statusChanged.disconnect(this.follow, this);
    this.kernel.connectionStatusChanged.disconnect(this.follow, this);
    this.close();
  }

  private follow(): void {
    if (!this.isThere()) {
      this.wasAway = true;
      this.tell(undefined);
      return;
    }
    // A kernel that was restarted knows nothing of the comm; one that was out of reach may have missed messages.
    if (this.wasAway) this.close();
    this.wasAway = false;
    if (!this.comm && !this.isElsewhere) this.open();
  }

  private isThere(): boolean {
    const { status, connectionStatus, isDisposed } = this.kernel;
    return !isDisposed && connectionStatus === 'connected' && (status === 'idle' || status === 'busy');
  }

  private open(): void {
    const comm = this.kernel.createComm(TARGET);
    this.comm = comm;
    comm.onMsg = (message: KernelMessage.ICommMsgMsg) => {
      if (this.comm === comm) this.tell(told(message.content.data));
    };
    // The kernel closes the oldest of too many. The next change of its state opens another.
    comm.onClose = () => {
      if (this.comm === comm) this.comm = undefined;
    };
    comm.open();
  }

  private close(): void {
    const comm = this.comm;
    this.comm = undefined;
    if (!comm || comm.isDisposed) return;
    if (this.isThere()) comm.close();
    else comm.dispose();
  }

  private comm: Kernel.IComm | undefined;
  private wasAway = false;
}
