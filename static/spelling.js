// Values as text.
export const LONGEST_TEXT = 500, LONGEST_LIST = 16;

// The same spelling as hmi/pages/values.py text_of. What is long is cut, and says by how much.
export function textOf(value) {
  if (value === null || value === undefined) return "–";
  if (Array.isArray(value)) {
    const shown = value.slice(0, LONGEST_LIST).map(textOf);
    if (value.length > LONGEST_LIST) shown.push(`… ${value.length - LONGEST_LIST} more`);
    return `[${shown.join(", ")}]`;
  }
  if (typeof value === "object") {
    const rows = value.rows?.length ?? 0;
    return `${rows} ${rows === 1 ? "row" : "rows"} of ${textOf(value.columns ?? [])}`;
  }
  return typeof value === "string" && value.length > LONGEST_TEXT ? cut(value) : String(value);
}

function cut(text) {
  const characters = [...text], more = characters.length - LONGEST_TEXT;
  return more > 0 ? `${characters.slice(0, LONGEST_TEXT).join("")}… (${more} more characters)` : text;
}
