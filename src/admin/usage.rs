//! USAGE: what every institution used, for the operator. Sums that are kept anyway; nothing here counts.
use estafette_actors::domain::month::Month;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::commands::Call;
use super::reply::Reply;

/// `USAGE [month]`.
pub fn usage(call: Call<'_>) -> BoxFuture<'_, Reply> {
    let broker = &call.desk.broker;
    let month = call.words.first().map_or_else(|| Ok(Month::of(broker.now())), |word| word.parse::<Month>());
    let reply = match month {
        Ok(month) => Reply::List(
            broker
                .archive()
                .usage(None, month, month)
                .into_iter()
                .map(|usage| {
                    let number = |number: u64| Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX));
                    Reply::map([
                        ("month", Reply::text(usage.month.to_string())),
                        ("institution", Reply::text(usage.institution.to_string())),
                        ("channel", Reply::text(usage.channel.as_str())),
                        ("messages", number(usage.used.messages)),
                        ("parts", number(usage.used.parts)),
                        ("cost", Reply::text(usage.used.cost.to_string())),
                    ])
                })
                .collect(),
        ),
        Err(error) => Reply::error(error),
    };
    async { reply }.boxed()
}
