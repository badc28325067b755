// As contract.py, for Node: `node PROGRAM DIALECT BASE_URL SCENARIO…` prints one JSON object, {scenario: what was seen}.
import shared from "./contract.json" with { type: "json" };

export const [DIALECT, BASE, ...NAMES] = process.argv.slice(2);
export const { model: MODEL, key: KEY, system: SYSTEM, image: IMAGE, image_url: IMAGE_URL, weather: WEATHER, person: PERSON } = shared;
export const RETRIES = 2;
export const MOST_TURNS = 4;
export const getWeather = ({ city }) => `${city}: 4 °C`;

// What a program saw of one scenario; what is here when an exception comes stays.
class Seen {
  set(fields) {
    Object.assign(this, fields);
  }
  piece(text) {
    if (!text) return;
    this.text = (this.text ?? "") + text;
    this.pieces = (this.pieces ?? 0) + 1;
  }
  thought(text) {
    if (text) this.reasoning = (this.reasoning ?? "") + text;
  }
  call(name, args) {
    (this.calls ??= []).push([name, typeof args === "string" ? JSON.parse(args) : args]);
  }
}

function told(error) {
  const classes = [];
  for (let proto = Object.getPrototypeOf(error); proto; proto = Object.getPrototypeOf(proto)) classes.push(proto.constructor.name);
  const told = { status: error.status ?? error.statusCode ?? null, request_id: error.requestID ?? null };
  const retry_after = error.headers?.get("retry-after") ?? error.responseHeaders?.["retry-after"] ?? null;
  return { classes, ...told, retry_after, message: String(error.message).slice(0, 300) };
}

export async function run(functions) {
  const outcomes = {};
  for (const name of NAMES) {
    const seen = (outcomes[name] = new Seen());
    try {
      await functions[name.split("-")[0]](name, seen);
    } catch (error) {
      seen.set({ error: told(error) });
    }
  }
  console.log(JSON.stringify(outcomes));
}
