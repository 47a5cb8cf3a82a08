/** What kind of thing a question wants, told by its words, and which pieces of text look like such a thing. */
import type { Unit } from './split-units.ts';

interface Shape {
  readonly asks: RegExp;
  /** 0 to 1: how much the text looks like an answer to that. */
  readonly fits: (unit: Unit) => number;
}

const CODE_SPAN = /`[^`]+`/;
const NUMBER_WORD =
  /\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice|none|unlimited|zero)\b/i;

const SHAPES: readonly Shape[] = [
  {
    asks: /\bhow (?:many|much|long|big|large|small|often|old|far|fast)\b|\b(?:maximum|minimum|max|min|limit|size|number|count|port|timeout|duration|interval|status code|version|percentage|price|cost)\b/i,
    fits: ({ text }) => (NUMBER_WORD.test(text) ? 1 : 0),
  },
  {
    asks: /\bdefaults?\b|\bwhen (?:i|you|we) (?:set|give|choose|specify) (?:none|nothing|no)\b|\bif (?:i|you) (?:choose|give|set) none\b/i,
    fits: ({ text }) =>
      /\bdefaults?\b|\bby default\b|\botherwise\b|\bif (?:not|omitted|unset)\b/i.test(text) ? 1 : 0,
  },
  {
    asks: /\b(?:which|what|name)\b.*\b(?:option|flag|setting|parameter|argument|property|field|attribute|variable|function|method|hook|class|command|header|file|key|rule|package|module|type|event|directive|component|api|endpoint|code)s?\b/i,
    fits: ({ kind, text }) => (CODE_SPAN.test(text) || kind === 'code' || kind === 'row' ? 1 : 0),
  },
  {
    asks: /\b(?:environment|env)\b.*\bvar/i,
    fits: ({ text }) => (/\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/.test(text) ? 1 : 0),
  },
  {
    asks: /\bcommand\b|\bcommand[- ]line\b|\bterminal\b|\bcli\b|\binstall\b|\brun\b/i,
    fits: ({ kind, text }) =>
      kind === 'code' && /^\s*(?:\$ |[a-z][\w-]* [\w@-])/m.test(text)
        ? 1
        : /(?:^|[\s`])--?[a-z]/.test(text)
          ? 0.8
          : 0,
  },
  {
    asks: /^\s*(?:how (?:do|can|should|would|to|is|are)|what is the (?:best )?way|can (?:i|you|we))\b/i,
    fits: ({ kind, text }) =>
      kind === 'code'
        ? 0.7
        : /^(?:to |use|run|set|add|create|call|pass|install|open|click|go to|enable|configure|you can|by )/i.test(
              text,
            )
          ? 1
          : CODE_SPAN.test(text)
            ? 0.5
            : 0,
  },
  {
    asks: /^\s*why\b|\breason\b|\bcause\b/i,
    fits: ({ text }) =>
      /\b(?:because|since|so that|due to|reason|therefore|this is|caused|prevents?|avoids?|ensures?)\b/i.test(
        text,
      )
        ? 1
        : 0,
  },
  {
    asks: /^\s*(?:when|what happens)\b|\bhappens?\b/i,
    fits: ({ text }) =>
      /\b(?:when|if|once|after|before|until|unless|whenever)\b/i.test(text) ? 1 : 0,
  },
  {
    asks: /^\s*where\b|\bwhich (?:file|folder|directory)\b/i,
    fits: ({ text }) =>
      /[\w-]+\/[\w.-]+|\.\w{2,4}\b|\b(?:in|under|at|from) the\b/i.test(text) ? 1 : 0,
  },
  {
    asks: /^\s*(?:what is|what are|what does|define|describe)\b/i,
    fits: ({ text, first }) =>
      /\b(?:is|are|means|represents|describes|provides|allows|lets)\b/i.test(text)
        ? first
          ? 1
          : 0.6
        : 0,
  },
];

/** A function that says how much a unit has the shapes that the question asks for: 0 for none, 2 at most. */
export const shapeOf = (question: string): ((unit: Unit) => number) => {
  const shapes = SHAPES.filter((shape) => shape.asks.test(question.slice(0, 1_000)));
  if (shapes.length === 0) return () => 0;
  return (unit) =>
    Math.min(
      2,
      shapes.reduce((sum, shape) => sum + shape.fits(unit), 0),
    );
};
