//! How AI providers are called, and what becomes of their failures.

mod faults;
mod routing;
mod wire_formats;
