// SPDX-License-Identifier: Apache-2.0
// What makes reading more comfortable: nothing here is needed to read. Times that go on, buttons that copy, values of a
// plot under the pointer or the arrow keys, and an app's state as it changes.

const UNITS = [[2 * 365 * 86400, 365 * 86400, "years"], [2 * 86400, 86400, "days"], [2 * 3600, 3600, "hours"],
    [2 * 60, 60, "minutes"]];
const [COUNT, CORES, BYTES, BYTES_SECOND, MICROSECONDS] = [0, 1, 2, 3, 4];

export function relative(seconds, now) {
    const passed = Math.abs(seconds - now);
    const unit = UNITS.find(([least]) => passed >= least);
    if (!unit) {
        return seconds > now ? "in a moment" : "just now";
    }
    const words = `${Math.floor(passed / unit[1])} ${unit[2]}`;
    return seconds > now ? `in ${words}` : `${words} ago`;
}

function times() {
    for (const rel of document.querySelectorAll("time + .rel")) {
        const at = Date.parse(rel.previousElementSibling.dateTime) / 1000;
        const text = relative(at, Date.now() / 1000);
        if (rel.textContent !== text) {
            rel.textContent = text;
        }
    }
}

function copies() {
    for (const source of document.querySelectorAll("[data-copy]")) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "copy";
        button.textContent = "Copy";
        button.setAttribute("aria-label", `Copy: ${source.dataset.copy}`);
        button.addEventListener("click", async () => {
            try {
                await navigator.clipboard.writeText(source.textContent);
                button.textContent = "Copied";
            } catch {
                getSelection().selectAllChildren(source);
                button.textContent = "Selected";
            }
            setTimeout(() => { button.textContent = "Copy"; }, 2000);
        });
        source.after(button);
    }
}

function bytes(value) {
    const sizes = ["B", "KiB", "MiB", "GiB", "TiB"];
    let size = 0;
    while (value >= 1024 && size + 1 < sizes.length) {
        value /= 1024;
        size++;
    }
    return `${value.toFixed(size > 0 && value < 100 ? 1 : 0)} ${sizes[size]}`;
}

export function words(unit, value) {
    switch (unit) {
    case CORES:
        return `${(value / 10).toFixed(1)} %`;
    case BYTES:
        return bytes(value);
    case BYTES_SECOND:
        return `${bytes(value)}/s`;
    case MICROSECONDS:
        return value < 1e3 ? `${value} µs` : value < 1e6 ? `${(value / 1e3).toFixed(1)} ms` : `${(value / 1e6).toFixed(2)} s`;
    case COUNT:
    default:
        return String(value);
    }
}

// The value of each series at a step, read out under the plot.
function readable(svg) {
    const series = [...svg.querySelectorAll("[data-values]")].map((path) => ({
        name: path.dataset.name, values: path.dataset.values.split(" ").map(Number),
    }));
    const steps = series[0].values.length;
    const unit = Number(svg.dataset.unit);
    const since = Number(svg.dataset.since);
    const step = Number(svg.dataset.step);
    const out = document.createElement("p");
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
    let at = steps - 1;
    out.className = "readout";
    cursor.setAttribute("class", "cursor");
    svg.append(cursor);
    svg.parentElement.after(out);
    svg.tabIndex = 0;
    svg.setAttribute("role", "slider");
    svg.setAttribute("aria-valuemin", "1");
    svg.setAttribute("aria-valuemax", String(steps));
    const show = (where) => {
        at = Math.max(0, Math.min(steps - 1, where));
        const when = `${new Date(since + at * step).toISOString().slice(0, 16).replace("T", " ")} UTC`;
        const said = series.map((s) => `${s.name}: ${s.values[at] < 0 ? "–" : words(unit, s.values[at])}`).join(", ");
        out.textContent = `${when}: ${said}`;
        cursor.setAttribute("d", `M${at + 0.5} 0V100`);
        svg.setAttribute("aria-valuenow", String(at + 1));
        svg.setAttribute("aria-valuetext", out.textContent);
    };
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -steps, End: steps };
    svg.addEventListener("keydown", (event) => {
        if (event.key in moves) {
            event.preventDefault();
            show(at + moves[event.key]);
        }
    });
    svg.addEventListener("pointermove", (event) => {
        const box = svg.getBoundingClientRect();
        show(Math.floor((event.clientX - box.left) / box.width * steps));
    });
    svg.addEventListener("focus", () => show(at));
}

// A page of a living app is made anew when its state is another one.
async function follow(state) {
    const ended = ["stopped", "on_error"];
    while (!ended.includes(state.dataset.status)) {
        await new Promise((wake) => { setTimeout(wake, document.hidden ? 60000 : 10000); });
        try {
            const answer = await fetch(`/apps/${state.dataset.app}`);
            if (answer.status === 401 || answer.status === 404) {
                location.reload();
                return;
            }
            if (answer.ok && (await answer.json()).status !== state.dataset.status) {
                location.reload();
                return;
            }
        } catch {
            // The operator does not answer just now: what is shown stays, with its time.
        }
    }
}

if (typeof document !== "undefined") {
    times();
    setInterval(times, 30000);
    copies();
    document.querySelectorAll(".plot svg").forEach(readable);
    document.querySelectorAll("[data-app][data-status]").forEach(follow);
    document.documentElement.dataset.ready = "yes";
}
