/**
 * The home page, from the root README: its first paragraph, the section that makes an application, and the one with the first
 * example. Who reads the site has no clone, so commands that need one are not for its home.
 * @throws Error that says which of them is missing.
 */
export const makeHome = (readme: string): string => {
  const [head = '', ...sections] = readme.split(/^(?=## )/m);
  const [, introduction] = head.split(/\n\n+/).filter((part) => !/^(!|\[!|<)/.test(part.trim()));
  const commands = sections.find((section) => /\n```sh\n[^`]*\bnpm create /.test(section));
  const example = sections.find((section) => section.includes('\n```ts\n'));
  if (introduction === undefined) throw new Error('README.md: there is no first paragraph');
  if (commands === undefined)
    throw new Error('README.md: no section has a ```sh block with npm create');
  if (example === undefined) throw new Error('README.md: no section has a ```ts block');

  const tagline = introduction
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\*\*(.+?)\*\*/g, '$1')
    .replaceAll(/\[(.+?)\]\(.+?\)/g, '$1')
    .trim();
  const hero = {
    name: 'Pantheon',
    text: 'LLM actors for TypeScript',
    tagline,
    actions: [
      { theme: 'brand', text: 'Tutorial', link: '/guide/tutorial' },
      { theme: 'alt', text: 'Concepts', link: '/guide/concepts' },
      { theme: 'alt', text: 'Adapters', link: '/adapters/' },
    ],
  };
  const front = { layout: 'home', title: 'Pantheon', titleTemplate: hero.text, hero };
  // JSON is YAML.
  return ['---', JSON.stringify(front), '---', '', ...new Set([commands, example])].join('\n');
};
