// The panel "Variables": those of the notebook that is in front.

import { LabIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import { TITLES } from './language';
import type { NotebookLanguage } from './notebook';
import { type Column, Listener, type Order, type Told, arrange } from './variables';
import icon from './variables.svg';

const COLUMNS: readonly [Column, string][] = [
  ['name', 'Name'],
  ['language', 'Language'],
  ['type', 'Type'],
  ['size', 'Size'],
  ['value', 'Value']
];

/** A table that can be sorted and searched. It asks the kernel for nothing while it is not seen. */
export class VariablesPanel extends Widget {
  constructor() {
    super();
    this.id = 'snakebridge-variables';
    this.addClass('snakebridge-Variables');
    this.title.icon = new LabIcon({ name: 'snakebridge:variables', svgstr: icon });
    this.title.caption = 'Variables';
    this.node.setAttribute('aria-label', 'Variables');

    this.search.type = 'search';
    this.search.placeholder = 'Filter';
    this.search.className = 'snakebridge-Variables-filter jp-mod-styled';
    this.search.setAttribute('aria-label', 'Filter variables');
    this.search.addEventListener('input', () => this.draw());

    const head = this.table.createTHead().insertRow();
    for (const [column, title] of COLUMNS) {
      const button = element('button', title);
      button.addEventListener('click', () => {
        this.order = { column, down: this.order.column === column && !this.order.down };
        this.draw();
      });
      const cell = element('th');
      cell.scope = 'col';
      cell.dataset.column = column;
      cell.append(button);
      head.append(cell);
    }
    this.body = this.table.createTBody();
    const scrolled = element('div');
    scrolled.className = 'snakebridge-Variables-rows';
    scrolled.tabIndex = 0;
    scrolled.append(this.table);
    this.words.className = 'snakebridge-Variables-words';
    this.words.setAttribute('role', 'status');
    this.node.append(this.search, scrolled, this.words);
    this.draw();
  }

  /** The notebook whose variables are shown. */
  set notebook(notebook: NotebookLanguage | undefined) {
    if (notebook === this.followed) return;
    this.followed?.changed.disconnect(this.follow, this);
    this.followed = notebook;
    this.followed?.changed.connect(this.follow, this);
    this.follow();
  }

  override dispose(): void {
    this.notebook = undefined;
    super.dispose();
  }

  protected override onAfterShow(): void {
    this.follow();
  }

  protected override onAfterAttach(): void {
    this.follow();
  }

  protected override onAfterHide(): void {
    this.follow();
  }

  protected override onBeforeDetach(): void {
    this.leave();
  }

  protected override onActivateRequest(): void {
    this.search.focus();
  }

  private follow(): void {
    this.leave();
    const kernel = this.followed?.panel.sessionContext.session?.kernel;
    if (kernel && this.followed?.language && this.isVisible) {
      this.listener = new Listener(kernel, told => {
        this.told = told;
        this.draw();
      });
    }
    this.draw();
  }

  private leave(): void {
    this.listener?.dispose();
    this.listener = undefined;
    this.told = undefined;
  }

  private draw(): void {
    const { column, down } = this.order;
    for (const cell of this.table.querySelectorAll<HTMLElement>('th')) {
      const order = cell.dataset.column === column ? (down ? 'descending' : 'ascending') : 'none';
      cell.setAttribute('aria-sort', order);
    }
    const found = arrange(this.told?.variables ?? [], this.search.value, this.order);
    this.table.hidden = found.length === 0;
    this.search.disabled = !this.told;
    this.words.textContent = this.wordsFor(found.length);
    this.words.hidden = this.words.textContent === '';
    this.body.replaceChildren(
      ...found.map(variable => {
        const row = element('tr');
        row.dataset.name = variable.name;
        row.dataset.language = variable.language;
        const full = { ...variable, language: TITLES[variable.language] };
        for (const [column] of COLUMNS) {
          // Of `pandas.DataFrame` the last word says enough.
          const cell = element('td', column === 'type' ? full.type.replace(/^[\w.]+\./, '') : full[column]);
          cell.dataset.column = column;
          cell.title = full[column];
          row.append(cell);
        }
        return row;
      })
    );
  }

  /** What is said where there is nothing, or not all, to be seen. */
  private wordsFor(found: number): string {
    if (!this.followed?.language) return 'Open a notebook with a kernel of SnakeBridge to see its variables.';
    if (!this.followed.panel.sessionContext.session?.kernel) return 'The notebook has no kernel.';
    if (this.listener?.isElsewhere)
      return "Another view of this kernel has its variables: close it, or use that one's.";
    if (!this.told) return 'Waiting for the kernel.';
    if (this.told.variables.length === 0) return 'No variables yet: names that cells bind are listed here.';
    if (found === 0) return `No variable matches “${this.search.value.trim()}”.`;
    return this.told.more ? `There are more than these ${this.told.variables.length} names.` : '';
  }

  private followed: NotebookLanguage | undefined;
  private listener: Listener | undefined;
  private told: Told | undefined;
  private order: Order = { column: 'name', down: false };
  private readonly search = element('input');
  private readonly table = element('table');
  private readonly body: HTMLTableSectionElement;
  private readonly words = element('p');
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, text?: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  return made;
}
