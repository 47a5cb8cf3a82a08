import { describe, expect, test } from 'vitest';
import { splitUnits } from './split-units.ts';

const units = (text: string): string[] =>
  splitUnits({ file: 'a.md', line: 1, heading: '', text }).map(
    (unit) => `${unit.line} ${unit.kind}: ${unit.text}`,
  );

describe('splitUnits', () => {
  test('sentences of a paragraph, without its markup', () => {
    expect(
      units(
        'See [the *guide*](g.md "G"), e.g. [`a_b`][]. ![](x.png)It **must** run.\nAnd stop! <br/>Done.',
      ),
    ).toEqual([
      '1 sentence: See the guide, e.g. `a_b`.',
      '1 sentence: It must run.',
      '1 sentence: And stop!',
      '1 sentence: Done.',
    ]);
  });

  test('items of lists, also of definitions', () => {
    expect(units('- `size`\n  - : How large.\n* one\n\n1. two')).toEqual([
      '1 item: `size`',
      '2 item: How large.',
      '3 item: one',
      '5 item: two',
    ]);
  });

  test('rows of tables, with the names of their columns', () => {
    expect(units('| Option | Default |\n| :-- | --- |\n| `a\\|b` | 5 |\n| c | |\n')).toEqual([
      '3 row: Option: `a|b`; Default: 5',
      '4 row: Option: c',
    ]);
  });

  test('blocks of code as they are, long ones in parts', () => {
    expect(units('Run:\n```sh\nnpm start\n  --fast\n```\n')).toEqual([
      '1 item: Run:',
      '2 code: npm start\n  --fast',
    ]);
    expect(units(`\`\`\`\n${'some long line of code here\n'.repeat(40)}\`\`\``)).toHaveLength(5);
    expect(units('const a = 1;\n```\n\nText after.')).toEqual([
      '1 code: const a = 1;',
      '5 sentence: Text after.',
    ]);
  });

  test('pairs as in YAML', () => {
    expect(units('key: a.b\ndescription: >-\n  What it is and why it is there.')).toEqual([
      '1 pair: key: a.b',
      '2 item: description: >- What it is and why it is there.',
    ]);
  });

  test('comments, boxes and templates are not text', () => {
    expect(
      units(
        '<!-- a\ncomment -->\n:::tip\nUse {{domxref("fetch")}}.{{< x >}}\n:::\n> [!NOTE]\n> Quoted.\n{% raw %}',
      ),
    ).toEqual(['4 sentence: Use fetch.', '7 sentence: Quoted.']);
  });
});
