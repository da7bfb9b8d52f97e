// The notebooks whose kernel is ours: each knows its language, and keeps that of its cells up.

import { CodeCell, type ICodeCellModel } from '@jupyterlab/cells';
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

  /** A command was executed here: if it has added cells, they get the language of the one before them. */
  executed(command: string): void {
    const added = this.added;
    this.added = new Set();
    const notebook = this.ofKernel;
    if (!notebook || !ADDING.has(command)) return;
    const { widgets, activeCellIndex } = this.panel.content;
    // The one that it came from is above, but for `insert-cell-above`.
    const from = command === 'notebook:insert-cell-above' ? activeCellIndex + 1 : activeCellIndex - 1;
    const source = widgets[from];
    const cell = widgets[activeCellIndex];
    if (!(source instanceof CodeCell) || !(cell instanceof CodeCell) || !added.has(cell.model)) return;
    const wanted = languageOf(read(source.model), notebook).language;
    if (languageOf(read(cell.model), notebook).by === 'notebook') setLanguage(cell.model, wanted, notebook);
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
  private added = new Set<ICodeCellModel>();
  private readonly cells = new WeakMap<CodeCell, CellLanguage>();
}
