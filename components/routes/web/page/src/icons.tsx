// Icons. They are decorative: a label or the text beside each says what it means.

import type { ComponentChildren } from 'preact';

/** The logo: a fish in a bowl. */
export function Mark({ size }: { size: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true">
      <path class="bowl" d="M17 9h30M20 9c0 6-12 11-12 25a24 24 0 0 0 48 0c0-14-12-19-12-25" />
      <path class="water" d="M9.5 28c5-2.5 9-2.5 15 0s10 2.5 15 0 10-2.5 15 0" />
      <path
        class="fish"
        d="M14 40c4-8 15-11 23-4.5 2.5-2.5 7-5 11-4.5-1.5 3.5-1.5 9.5 0 13.5-4 .5-8.5-1.5-11-4-8 6.5-19 4-23-.5z"
      />
      <circle class="eye" cx="22" cy="38.2" r="1.7" />
    </svg>
  );
}

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      {children}
    </svg>
  );
}

export const Send = () => (
  <Icon>
    <path d="M10 16V4.500M5 9l5-5 5 5" />
  </Icon>
);
export const Stop = () => (
  <Icon>
    <rect class="solid" x="5.5" y="5.5" width="9" height="9" rx="1.5" />
  </Icon>
);
export const Plus = () => (
  <Icon>
    <path d="M10 4v12M4 10h12" />
  </Icon>
);
export const Menu = () => (
  <Icon>
    <path d="M3 6h14M3 10h14M3 14h9" />
  </Icon>
);
export const Close = () => (
  <Icon>
    <path d="M5 5l10 10M15 5L5 15" />
  </Icon>
);
export const Pencil = () => (
  <Icon>
    <path d="M12.5 4.500l3 3L7 16H4v-3zM11 6l3 3" />
  </Icon>
);
export const Bin = () => (
  <Icon>
    <path d="M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6M8.7 9v4.500M11.3 9v4.5" />
  </Icon>
);
export const Sun = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 2.500v2M10 15.500v2M2.5 10h2M15.5 10h2M4.7 4.700l1.4 1.400M13.9 13.900l1.4 1.400M15.3 4.700l-1.4 1.400M6.1 13.900l-1.4 1.4" />
  </Icon>
);
export const Moon = () => (
  <Icon>
    <path d="M16 11.800A6.5 6.5 0 0 1 8.2 4a6.5 6.5 0 1 0 7.8 7.800z" />
  </Icon>
);
export const Dots = () => (
  <Icon>
    <circle class="solid" cx="4.500" cy="10" r="1" />
    <circle class="solid" cx="10" cy="10" r="1" />
    <circle class="solid" cx="15.500" cy="10" r="1" />
  </Icon>
);
export const Down = () => (
  <Icon>
    <path d="M10 4v11M5 10.500l5 5 5-5" />
  </Icon>
);
export const Gear = () => (
  <Icon>
    <circle cx="10" cy="10" r="2.600" />
    <path d="M10 2.500v2.500M10 15v2.500M2.500 10H5M15 10h2.500M4.700 4.700l1.800 1.800M13.500 13.500l1.800 1.800M15.300 4.700l-1.800 1.800M6.500 13.500l-1.800 1.800" />
  </Icon>
);
export const Pin = () => (
  <Icon>
    <path d="M7 3.500h6l-1 5 2.500 3h-9l2.500-3zM10 11.500V17" />
  </Icon>
);
export const Clip = () => (
  <Icon>
    <path d="M14.500 9.500l-5 5a3 3 0 0 1-4.300-4.300l6-6a2 2 0 0 1 2.900 2.900l-5.800 5.800a1 1 0 0 1-1.500-1.500l5-5" />
  </Icon>
);
export const Hash = () => (
  <Icon>
    <path d="M8 3L6 17M14 3l-2 14M3.500 7.500h14M2.500 12.500h14" />
  </Icon>
);
export const Lock = () => (
  <Icon>
    <path d="M5 9.500h10V17H5zM7 9.500V7a3 3 0 0 1 6 0v2.500" />
  </Icon>
);
export const Back = () => (
  <Icon>
    <path d="M12 4l-6 6 6 6" />
  </Icon>
);
export const Smile = () => (
  <Icon>
    <circle cx="10" cy="10" r="7" />
    <path d="M7 12c1.500 2 4.500 2 6 0M7.500 8v.5M12.500 8v.5" />
  </Icon>
);
