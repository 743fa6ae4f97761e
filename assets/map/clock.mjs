/** The time that data is judged by [ms since 1970]: the scenario's in an exercise, else the real one. */
export const present = () => (globalThis.tocsinNow ?? Date.now)();
