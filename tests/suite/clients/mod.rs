//! The chat page in a browser, our SDK and the official client libraries, each against the running
//! application.

mod browser;
mod gateway;
mod openai;
mod sign_in;
mod streams;
mod typescript_sdk;
