const methods: Readonly<Record<string, string>> = {
  psi: "PSI",
  js: "JS",
  ks: "KS",
  wasserstein: "Wasserstein",
  chi_square: "χ²",
};

/** The usual way of writing the name of a drift method. */
export function methodText(method: string): string {
  return methods[method] ?? method;
}
