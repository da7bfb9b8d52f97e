// The plugins: what JupyterLab starts.

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { LANGUAGES, TITLES } from './language';
import { NotebookLanguage } from './notebook';
import { VariablesPanel } from './panel';
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

/** Cells of two languages in notebooks, and their session's variables. */
const notebooks: JupyterFrontEndPlugin<void> = {
  id: 'snakebridge:notebooks',
  description: 'Shows and switches the language of each cell, and lists the variables of the session',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    { commands, shell }: JupyterFrontEnd,
    tracker: INotebookTracker,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const sheet = document.createElement('style');
    sheet.textContent = style;
    document.head.append(sheet);

    const known = new WeakMap<NotebookPanel, NotebookLanguage>();
    const of = (panel: NotebookPanel) => {
      const language = known.get(panel) ?? new NotebookLanguage(panel);
      known.set(panel, language);
      return language;
    };
    tracker.forEach(of);
    tracker.widgetAdded.connect((_, panel) => void of(panel));
    const current = () => (tracker.currentWidget ? of(tracker.currentWidget) : undefined);
    commands.commandExecuted.connect((_, { id }) => current()?.executed(id));

    for (const language of LANGUAGES) {
      commands.addCommand(`snakebridge:set-language-${language}`, {
        label: `Change to ${TITLES[language]}`,
        isEnabled: () => current()?.active !== undefined,
        execute: () => current()?.choose(language)
      });
    }
    commands.addCommand('snakebridge:switch-language', {
      label: 'Switch between Elixir and Python',
      isEnabled: () => current()?.active !== undefined,
      execute: () => current()?.choose()
    });

    const variables = new VariablesPanel();
    const follow = () => (variables.notebook = current());
    tracker.currentChanged.connect(follow);
    follow();
    shell.add(variables, 'right', { rank: 600, type: 'Variables' });
    restorer?.add(variables, variables.id);
    commands.addCommand('snakebridge:show-variables', {
      label: 'Show Variables',
      execute: () => shell.activateById(variables.id)
    });

    for (const command of [
      'set-language-elixir',
      'set-language-python',
      'switch-language',
      'show-variables'
    ]) {
      palette?.addItem({ command: `snakebridge:${command}`, category: 'SnakeBridge' });
    }
  }
};

export default [elixir, notebooks];
