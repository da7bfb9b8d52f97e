// The notebooks whose kernel is ours: each knows its language, and keeps that of its cells up.

import { type Cell, CodeCell, type ICellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { type ISignal, Signal } from '@lumino/signaling';
import { CellLanguage, read, setLanguage } from './cell';
import { kernelLanguage, tellLanguage } from './kernel';
import { type Language, languageOf, other } from './language';

/**
 * Commands with which people add a cell below or above the one that they are at. The new one gets that one's
 * language: who writes three cells of Python in a row does not want to say so three times.
 */
const ADDING = new Set([
  'notebook:insert-cell-above',
  'notebook:insert-cell-below',
  'notebook:run-cell-and-insert-below',
  'notebook:run-cell-and-select-next',
  'notebook:split-cell-at-cursor'
]);

/** A notebook in a panel. */
export class NotebookLanguage {
  constructor(readonly panel: NotebookPanel) {
    const { content, sessionContext } = panel;
    content.modelChanged.connect(this.followModel, this);
    sessionContext.kernelChanged.connect(this.refresh, this);
    sessionContext.specsManager.specsChanged.connect(this.refresh, this);
    this.followModel();
    // The button below the last cell adds one without a command.
    content.node.addEventListener('click', ({ target }) => {
      const isButton = target instanceof Element && target.closest('.jp-Notebook-footer') !== null;
      if (isButton) this.executed('notebook:insert-cell-below');
    });
    panel.disposed.connect(() => sessionContext.specsManager.specsChanged.disconnect(this.refresh, this));
  }

  /** The language of cells that say nothing else; `undefined` where the kernel is not ours. */
  get language(): Language | undefined {
    return this.ofKernel;
  }

  /** The language above is another, or the kernel. */
  get changed(): ISignal<this, void> {
    return this.kernelOrLanguage;
  }

  /** The language of the active cell. */
  get active(): Language | undefined {
    const cell = this.panel.content.activeCell;
    if (!this.ofKernel || !(cell instanceof CodeCell)) return undefined;
    return languageOf(read(cell.model), this.ofKernel).language;
  }

  /** Gives the chosen cells a language; without one, the other than the active cell's. */
  choose(language?: Language): void {
    const { content } = this.panel;
    const wanted = language ?? (this.active && other(this.active));
    if (!this.ofKernel || !wanted) return;
    for (const cell of content.widgets) {
      if (cell instanceof CodeCell && content.isSelectedOrActive(cell)) {
        setLanguage(cell.model, wanted, this.ofKernel);
      }
    }
  }

  /** A command was executed here: the cells that it has added get the language of the one that they came from. */
  executed(command: string): void {
    const added = this.added;
    this.added = new Set();
    if (!this.ofKernel || !ADDING.has(command)) return;
    const { widgets, activeCellIndex: active } = this.panel.content;
    if (command === 'notebook:split-cell-at-cursor') {
      // The first piece keeps a first line that says the language. The last is at times the cell that there was.
      for (let at = 1; at < widgets.length; at++) {
        const [piece, next] = [widgets[at - 1], widgets[at]];
        if (piece && next && added.has(piece.model) && (added.has(next.model) || at === active)) {
          this.inherit(piece, next);
        }
      }
    } else {
      const cell = widgets[active];
      const from = widgets[command === 'notebook:insert-cell-above' ? active + 1 : active - 1];
      if (cell && from && added.has(cell.model)) this.inherit(from, cell);
    }
  }

  private inherit(from: Cell, cell: Cell): void {
    const notebook = this.ofKernel;
    if (!notebook || !(from instanceof CodeCell) || !(cell instanceof CodeCell)) return;
    if (languageOf(read(cell.model), notebook).by !== 'notebook') return;
    setLanguage(cell.model, languageOf(read(from.model), notebook).language, notebook);
  }

  private followModel(): void {
    const { content } = this.panel;
    content.model?.cells.changed.connect(this.followCells, this);
    content.model?.metadataChanged.connect(this.refresh, this);
    this.followCells();
    void this.refresh();
  }

  private followCells(): void {
    for (const cell of this.panel.content.widgets) {
      if (!(cell instanceof CodeCell) || this.cells.has(cell)) continue;
      const plain = () => this.panel.content.codeMimetype;
      this.cells.set(cell, new CellLanguage(cell, () => this.ofKernel, plain));
      this.added.add(cell.model);
    }
  }

  private async refresh(): Promise<void> {
    const { content, sessionContext } = this.panel;
    const kernel = sessionContext.session?.kernel;
    if (kernel) tellLanguage(kernel, () => this.active);
    if (kernel !== this.kernel) {
      this.kernel = kernel;
      this.kernelOrLanguage.emit();
    }
    const turn = ++this.turn;
    const remembered = (content.model?.getMetadata('kernelspec') as { name?: string } | undefined)?.name;
    const language = await kernelLanguage(sessionContext, remembered);
    // Another change may have come meanwhile.
    if (turn !== this.turn || this.panel.isDisposed || language === this.ofKernel) return;
    this.ofKernel = language;
    content.toggleClass('snakebridge-Notebook', language !== undefined);
    for (const cell of content.widgets) if (cell instanceof CodeCell) this.cells.get(cell)?.update();
    this.kernelOrLanguage.emit();
  }

  private ofKernel: Language | undefined;
  private kernel: unknown;
  private readonly kernelOrLanguage = new Signal<this, void>(this);
  private turn = 0;
  private added = new Set<ICellModel>();
  private readonly cells = new WeakMap<CodeCell, CellLanguage>();
}
