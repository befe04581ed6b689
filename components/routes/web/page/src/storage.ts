// Values in the browser's storage. Nothing secret is stored. The page works without storage.

export function saveItem(area: Storage, name: string, value: string | null): void {
  try {
    if (value === null) area.removeItem(name);
    else area.setItem(name, value);
  } catch {
    // Storage is full or switched off.
  }
}

export function loadItem(area: Storage, name: string): string | null {
  try {
    return area.getItem(name);
  } catch {
    return null;
  }
}
