// The plugins: what JupyterLab starts.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { INotebookTracker } from '@jupyterlab/notebook';
import { LANGUAGES, type Language, TITLES } from './language';
import { NotebookLanguage } from './notebook';
import style from './style.css';

/** Highlighting of Elixir, fetched when the first text of it is shown. */
const elixir: JupyterFrontEndPlugin<void> = {
  id: 'snakebridge:elixir',
  description: 'Highlights Elixir in cells and files',
  autoStart: true,
  requires: [IEditorLanguageRegistry],
  activate: (_: JupyterFrontEnd, registry: IEditorLanguageRegistry) => {
    if (registry.findByMIME('text/x-elixir')) return;
    registry.addLanguage({
      name: 'elixir',
      displayName: 'Elixir',
      mime: 'text/x-elixir',
      extensions: ['ex', 'exs'],
      load: async () => (await import('codemirror-lang-elixir')).elixir()
    });
  }
};

/** Cells of two languages in notebooks. */
const cells: JupyterFrontEndPlugin<void> = {
  id: 'snakebridge:cells',
  description: 'Shows and switches the language of each cell',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette],
  activate: ({ commands }: JupyterFrontEnd, tracker: INotebookTracker, palette: ICommandPalette | null) => {
    const sheet = document.createElement('style');
    sheet.textContent = style;
    document.head.append(sheet);

    const notebooks = new WeakMap<object, NotebookLanguage>();
    tracker.widgetAdded.connect((_, panel) => void notebooks.set(panel, new NotebookLanguage(panel)));
    tracker.forEach(panel => void notebooks.set(panel, new NotebookLanguage(panel)));
    const current = () => {
      const panel = tracker.currentWidget;
      return panel ? notebooks.get(panel) : undefined;
    };
    commands.commandExecuted.connect((_, { id }) => current()?.executed(id));

    const add = (id: string, label: string, language?: Language) => {
      commands.addCommand(id, {
        label,
        isEnabled: () => current()?.active !== undefined,
        execute: () => current()?.choose(language)
      });
      palette?.addItem({ command: id, category: 'Notebook Cell Operations' });
    };
    for (const language of LANGUAGES) {
      add(`snakebridge:set-language-${language}`, `Change to ${TITLES[language]}`, language);
    }
    add('snakebridge:switch-language', 'Switch between Elixir and Python');
  }
};

export default [elixir, cells];
