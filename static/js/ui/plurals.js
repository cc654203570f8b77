// @ts-check
/** Numbers with their nouns: "1 step", "2 steps". */

/** @param {number} number @param {string} one @param {string} [many] for nouns that do not just take an s */
export const counted = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
