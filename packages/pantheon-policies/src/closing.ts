/** `close`, where the port has it: first what the decorator has to end, then the port. */
export const closing = (
  port: { readonly close?: () => Promise<void> },
  end: (() => void) | undefined,
): { readonly close?: () => Promise<void> } => {
  const close = port.close?.bind(port);
  if (close === undefined) return {};
  return {
    close: () => {
      end?.();
      return close();
    },
  };
};
