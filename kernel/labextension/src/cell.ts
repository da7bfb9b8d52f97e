// One code cell: its language is shown beside its editor and switched there, and its editor highlights it.

import type { CodeCell, ICodeCellModel } from '@jupyterlab/cells';
import { type PanelLayout, Widget } from '@lumino/widgets';
import { type Cell, type Decided, LANGUAGES, type Language, TITLES, changeTo, languageOf } from './language';

const MIME_TYPES: Readonly<Record<Language, string>> = { elixir: 'text/x-elixir', python: 'text/x-ipython' };

const WHY: Readonly<Record<Decided['by'], string>> = {
  marker: 'its first line says so',
  metadata: 'kept in its metadata',
  notebook: "the notebook's own language"
};

/** What of a cell says its language. */
export function read(model: ICodeCellModel): Cell {
  return {
    source: model.sharedModel.getSource(),
    own: model.getMetadata('snakebridge'),
    vscode: model.getMetadata('vscode')
  };
}

/** Gives a cell a language. */
export function setLanguage(model: ICodeCellModel, language: Language, notebook: Language): void {
  const change = changeTo(language, read(model), notebook);
  if (change.kind === 'marker') {
    model.sharedModel.updateSource(0, change.length, change.text);
  } else if (change.own) {
    model.setMetadata('snakebridge', change.own);
  } else {
    model.deleteMetadata('snakebridge');
  }
}

/** Shows and keeps up the language of a cell, for as long as the cell is there. */
export class CellLanguage {
  /** `notebook`: the notebook's language, where it is ours; `plain`: the MIME type of its cells where it is not. */
  constructor(
    cell: CodeCell,
    private readonly notebook: () => Language | undefined,
    private readonly plain: () => string
  ) {
    this.model = cell.model;
    this.switch = new LanguageSwitch(language => {
      const notebook = this.notebook();
      if (notebook) setLanguage(this.model, language, notebook);
    });
    this.model.contentChanged.connect(this.update, this);
    this.model.metadataChanged.connect(this.update, this);
    // The notebook gives one type to all cells, when its kernel has spoken, and to each new one.
    this.model.mimeTypeChanged.connect(this.update, this);
    cell.disposed.connect(() => this.switch.dispose());
    // A cell that has not been in view has no editor yet.
    void cell.ready.then(() => {
      const layout = cell.inputArea?.layout as PanelLayout | undefined;
      if (!cell.isDisposed) layout?.addWidget(this.switch);
    });
    this.update();
  }

  update(): void {
    if (this.model.isDisposed) return;
    const notebook = this.notebook();
    const decided = notebook && languageOf(read(this.model), notebook);
    this.switch.setHidden(!decided);
    if (decided) this.switch.say(decided);
    // What is so already is not told again, so this ends.
    this.model.mimeType = decided ? MIME_TYPES[decided.language] : this.plain();
  }

  private readonly model: ICodeCellModel;
  private readonly switch: LanguageSwitch;
}

/** A select box: readable, and usable by keyboard and with a screen reader, as it is. */
class LanguageSwitch extends Widget {
  constructor(choose: (language: Language) => void) {
    super();
    this.addClass('snakebridge-LanguageSwitch');
    // Keys that are pressed in it are none of the notebook's commands.
    this.node.dataset.lmSuppressShortcuts = 'true';
    this.select.setAttribute('aria-label', 'Language of the cell');
    for (const language of LANGUAGES) this.select.add(new Option(TITLES[language], language));
    this.select.addEventListener('change', () => choose(this.select.value as Language));
    this.node.append(this.select);
  }

  say({ language, by }: Decided): void {
    this.select.value = language;
    this.select.title = `This cell is ${TITLES[language]}: ${WHY[by]}`;
    this.node.dataset.language = language;
    this.node.dataset.by = by;
  }

  private readonly select = document.createElement('select');
}
