declare const brand: unique symbol;

/** A value that one parser has proved to be of a kind; kinds add up, so that a file name stays a byte string. */
export type Brand<T, Kind extends string> = T & { readonly [brand]: { readonly [kind in Kind]: true } };
