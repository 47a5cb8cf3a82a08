/** Arithmetic: numbers, + - * / % ^, parentheses. A parser of its own, because nobody should evaluate a model's text. */

const TOKEN = /\s*(?:(\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)|(\*\*|[-+*/%^()]))/iy;

/** Longer is not arithmetic, and deeper would cost stack. */
const MAX_LENGTH = 500;

const tokenize = (text: string): readonly (number | string)[] => {
  if (text.length > MAX_LENGTH)
    throw new Error(`the expression has more than ${MAX_LENGTH} characters`);
  const tokens: (number | string)[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) {
      throw new Error(
        `"${text.slice(start).trim().slice(0, 20)}" is not a number, an operator or a parenthesis`,
      );
    }
    const [, number, operator] = match;
    tokens.push(
      number === undefined ? (operator === '**' ? '^' : (operator as string)) : Number(number),
    );
  }
  return tokens;
};

/**
 * The value of an arithmetic expression; `^` and `**` bind tightest and to the right.
 *
 * @throws Error with what is wrong, for the model to read.
 */
export const calculate = (expression: string): number => {
  const tokens = tokenize(expression);
  let at = 0;
  const next = (): number | string | undefined => tokens[at++];

  const atom = (): number => {
    const token = next();
    if (typeof token === 'number') return token;
    if (token === '(') {
      const value = sum();
      if (next() !== ')') throw new Error('a parenthesis is not closed');
      return value;
    }
    throw new Error(
      token === undefined
        ? 'the expression ends too early'
        : `"${token}" stands where a number should`,
    );
  };
  const power = (): number => {
    const base = atom();
    if (tokens[at] !== '^') return base;
    at += 1;
    return base ** signed();
  };
  const signed = (): number => {
    if (tokens[at] !== '-' && tokens[at] !== '+') return power();
    return next() === '-' ? -signed() : signed();
  };
  const product = (): number => {
    let value = signed();
    for (
      let token = tokens[at];
      token === '*' || token === '/' || token === '%';
      token = tokens[at]
    ) {
      at += 1;
      const right = signed();
      if (right === 0 && token !== '*') throw new Error('division by zero');
      value = token === '*' ? value * right : token === '/' ? value / right : value % right;
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    for (let token = tokens[at]; token === '+' || token === '-'; token = tokens[at]) {
      at += 1;
      const right = product();
      value = token === '+' ? value + right : value - right;
    }
    return value;
  };

  const value = sum();
  if (at < tokens.length) throw new Error(`"${tokens[at]}" stands where the expression should end`);
  if (!Number.isFinite(value)) throw new Error('the result is too large');
  return value;
};
