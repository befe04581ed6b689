// What this browser keeps: nothing that is secret. A browser that keeps nothing is none the worse.

export function keep(area: Storage, name: string, value: string | null): void {
  try {
    if (value === null) area.removeItem(name);
    else area.setItem(name, value);
  } catch {
    // Storage is full or switched off.
  }
}

export function kept(area: Storage, name: string): string | null {
  try {
    return area.getItem(name);
  } catch {
    return null;
  }
}
