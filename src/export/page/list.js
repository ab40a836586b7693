// A list of any length, of which only what is on screen is in the document.

/**
 * A listbox: arrows, Page Up and Down, Home and End move in it, Enter opens, and a click does both. `fill(row, item)` puts an item into a row;
 * rows are used again.
 */
export class List {
  constructor(box, height, make, fill, open) {
    Object.assign(this, { box, height, make, fill, open });
    this.items = [];
    this.active = 0;
    this.rows = new Map();
    this.spare = [];
    this.key = (item) => item;
    this.selected = () => false;
    this.onscreen = () => {};
    this.space = box.appendChild(document.createElement("div"));
    this.space.className = "space";
    this.space.setAttribute("role", "presentation");
    box.tabIndex = 0;
    box.setAttribute("role", "listbox");
    box.addEventListener("scroll", () => this.#later(), { passive: true });
    box.addEventListener("keydown", (event) => this.#press(event));
    box.addEventListener("focus", () => this.draw());
    box.addEventListener("blur", () => this.draw());
    box.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (!row) return;
      this.active = Number(row.dataset.at);
      this.draw();
      this.open(this.items[this.active]);
    });
    new ResizeObserver(() => this.#later()).observe(box);
  }

  /** Shows these; the active one stays what it is. */
  show(items) {
    const active = this.items[this.active];
    this.items = items;
    if (active !== undefined) {
      const key = this.key(active);
      const at = this.key(items[this.active] ?? active) === key ? this.active : items.findIndex((item) => this.key(item) === key);
      this.active = Math.max(0, Math.min(at < 0 ? this.active : at, items.length - 1));
    }
    this.draw();
  }

  #later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
      this.onscreen();
    });
  }

  /** The items that are on screen. */
  visible() {
    const first = Math.floor(this.box.scrollTop / this.height);
    const number = Math.ceil(this.box.clientHeight / this.height) + 1;
    return this.items.slice(first, first + number);
  }

  draw() {
    const { box, items, height } = this;
    const tall = `${items.length * height}px`;
    if (this.space.style.height !== tall) this.space.style.height = tall;
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 4);
    const end = Math.min(items.length, Math.ceil((box.scrollTop + box.clientHeight) / height) + 4);
    const hasFocus = document.activeElement === box;
    const wanted = new Set();
    for (let at = first; at < end; at++) wanted.add(at);
    // What aria-activedescendant names has to be there.
    if (hasFocus && this.active < items.length) wanted.add(this.active);
    for (const [at, row] of this.rows) {
      if (wanted.has(at)) continue;
      this.rows.delete(at);
      this.spare.push(row);
      row.hidden = true;
    }
    for (const at of wanted) {
      let row = this.rows.get(at);
      if (!row) {
        row = this.spare.pop() ?? this.#row();
        this.rows.set(at, row);
        row.hidden = false;
        row.dataset.at = at;
        row.style.transform = `translateY(${at * height}px)`;
        row.setAttribute("aria-posinset", at + 1);
      }
      row.setAttribute("aria-setsize", items.length);
      row.setAttribute("aria-selected", this.selected(items[at]));
      row.classList.toggle("active", hasFocus && at === this.active);
      this.fill(row, items[at], at);
    }
    const active = this.rows.get(this.active);
    if (hasFocus && active) box.setAttribute("aria-activedescendant", active.id);
    else box.removeAttribute("aria-activedescendant");
  }

  #row() {
    const row = this.space.appendChild(this.make());
    row.setAttribute("role", "option");
    row.id = `${this.box.id}-${this.space.childElementCount}`;
    row.style.height = `${this.height}px`;
    return row;
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.height) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps && this.items.length) {
      event.preventDefault();
      this.active = Math.max(0, Math.min(this.items.length - 1, this.active + steps[event.key]));
      const top = this.active * this.height;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      const overhang = top + this.height - this.box.scrollTop - this.box.clientHeight;
      if (overhang > 0) this.box.scrollTop += overhang;
      this.draw();
      this.onscreen();
    } else if ((event.key === "Enter" || event.key === " ") && this.items[this.active] !== undefined) {
      event.preventDefault();
      this.open(this.items[this.active]);
    }
  }
}
