// The channels, in a file of their own, which is loaded when they are opened.

export { TeamSidebar } from './team-sidebar';
export { TeamView } from './team-view';
