// Which kernels are ours, and what their requests say about the cell that they are for.

import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import { type Language, named } from './language';

const IMPLEMENTATION = 'snakebridge';

/**
 * The language of the kernel's cells that say nothing else; `undefined` where the kernel is not ours. Known from the
 * kernelspec, also of a notebook whose kernel does not run, else from what the kernel has said of itself.
 */
export async function kernelLanguage(
  session: ISessionContext,
  remembered: string | undefined
): Promise<Language | undefined> {
  const kernel = session.session?.kernel ?? null;
  const name = kernel?.name ?? remembered;
  const spec = name === undefined ? undefined : session.specsManager.specs?.kernelspecs[name];
  const own = spec?.metadata?.[IMPLEMENTATION] as { language?: unknown } | undefined;
  const language = named(own?.language);
  if (language || !kernel) return language;
  const info = await kernel.info;
  return info.implementation === IMPLEMENTATION ? named(info.language_info.name) : undefined;
}

const QUESTIONS = new Set(['complete_request', 'inspect_request', 'is_complete_request']);
const told = new WeakSet<Kernel.IKernelConnection>();

/**
 * Has questions about code say the language of the code: their metadata get `snakebridge.language`. JupyterLab makes
 * these requests in many places and sends them all by this method.
 */
export function tellLanguage(kernel: Kernel.IKernelConnection, language: () => Language | undefined): void {
  if (told.has(kernel)) return;
  told.add(kernel);
  const send = kernel.sendShellMessage.bind(kernel) as (
    message: KernelMessage.IShellMessage,
    ...options: boolean[]
  ) => Kernel.IShellFuture;
  const sendTelling = (message: KernelMessage.IShellMessage, ...options: boolean[]) => {
    const is = QUESTIONS.has(message.header.msg_type) ? language() : undefined;
    if (is) message.metadata = { ...message.metadata, snakebridge: { language: is } };
    return send(message, ...options);
  };
  kernel.sendShellMessage = sendTelling as Kernel.IKernelConnection['sendShellMessage'];
}
