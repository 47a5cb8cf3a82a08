const IDENTIFIER = /^[A-Za-z_$][\w$]{0,99}$/;

/** A path as a person writes it: `args.items[2].name`, `args["a b"]`. */
export const pathText = (root: string, segments: readonly (string | number)[]): string => {
  let text = root;
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (IDENTIFIER.test(segment)) text += `.${segment}`;
    else text += `[${JSON.stringify(segment.slice(0, 100))}]`;
  }
  return text;
};
