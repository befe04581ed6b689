// A menu of buttons behind a button.

import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import { notify } from './announce';

interface Props {
  label: string;
  icon: ComponentChildren;
  /** The names of the buttons and what they do. */
  items: readonly (readonly [name: string, act: () => void | Promise<void>])[];
}

export function DropdownMenu({ label, icon, items }: Props) {
  const details = useRef<HTMLDetailsElement>(null);
  const close = () => {
    if (details.current) details.current.open = false;
  };
  return (
    <details
      class="menu"
      ref={details}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !details.current?.open) return;
        event.stopPropagation();
        close();
        details.current.querySelector('summary')?.focus();
      }}
      onFocusOut={(event) => {
        if (!details.current?.contains(event.relatedTarget as Node | null)) close();
      }}
    >
      <summary class="icon-button" aria-label={label}>
        {icon}
      </summary>
      <div class="menu-items">
        {items.map(([name, act]) => (
          <button
            key={name}
            type="button"
            onClick={() => {
              close();
              Promise.resolve(act()).catch((error: Error) => notify(error.message));
            }}
          >
            {name}
          </button>
        ))}
      </div>
    </details>
  );
}
