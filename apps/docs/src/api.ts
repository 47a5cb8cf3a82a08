import { Application, LogLevel, type TypeDocOptions } from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';
import { REPOSITORY, ROOT } from './repository.ts';

/** What is not told: everything is readonly, and where a member comes from stands above the table. */
const columns = {
  hideInherited: true,
  hideModifiers: true,
  hideOverrides: true,
  hideSources: true,
};

/**
 * Writes one page of reference for each entry of a package, from the comments of its sources.
 * @param entries What is imported, and its source. The first that exports a thing tells of it; the others link there.
 * @throws Error when typedoc cannot read the sources.
 */
export const writeApi = async (
  entries: ReadonlyMap<string, string>,
  folder: string,
): Promise<void> => {
  const options: Partial<TypeDocOptions> & PluginOptions = {
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: [...entries.values()],
    tsconfig: `${ROOT}/apps/docs/typedoc.tsconfig.json`,
    // The compiler of the repository has checked them; this one is older.
    skipErrorChecking: true,
    excludeExternals: true,
    excludeInternal: true,
    readme: 'none',
    basePath: ROOT,
    displayBasePath: ROOT,
    disableGit: true,
    sourceLinkTemplate: `${REPOSITORY}/blob/main/{path}#L{line}`,
    logLevel: LogLevel.Error,
    router: 'module',
    entryFileName: 'index',
    excludeScopesInPaths: true,
    flattenOutputFiles: true,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    sanitizeComments: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    tableColumnSettings: columns,
  };
  const app = await Application.bootstrapWithPlugins(options);
  const project = await app.convert();
  if (project === undefined) throw new Error('typedoc could not read the sources of the packages');

  // typedoc names a module after its folder; readers know it by what they import.
  const names = new Map([...entries].map(([name, file]) => [file, name]));
  for (const module of project.children ?? []) {
    const name = names.get(module.sources?.[0]?.fullFileName ?? '');
    if (name !== undefined) module.name = name;
  }
  app.options.setValue('outputs', [{ name: 'markdown', path: folder }]);
  await app.generateOutputs(project);
  if (app.logger.hasErrors()) throw new Error('typedoc could not write the reference');
};
