//! A retention policy applied forward in time: how many points, how many bytes, until when.
//!
//! No byte is moved. Points fall due by a schedule, `engine::backup::method_at` says what each is, and
//! `engine::retention` says which stay: what `forget` itself asks. What the points hold comes from a
//! vault's own history, or from a stated rate of change. All in integers.

mod share;
mod survival;

mod data;
mod fit;
mod stated;

mod layout;

mod course;
mod ledger;

mod interval;

mod backtest;
mod calendar;
mod plan;
mod rows;

pub use crate::quantity::{Bytes, Every, Part, Rate};
pub use backtest::POINTS_MIN;
pub use plan::{NamedPolicy, Request, of_history, of_scenario};
pub use rows::{
    Age, BackTest, Basis, CAUSES, Cause, Forecast, InstanceBasis, Limits, Month, PolicyForecast,
};
pub use stated::Scenario;
