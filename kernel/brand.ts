declare const brand: unique symbol;

/** A value that one parser has proved to be of a kind; from there the compiler carries the proof. */
export type Brand<T, Kind extends string> = T & { readonly [brand]: Kind };
