//! The board as a whole: what it is, which elections it has, a new one.

use bytes::Buf;
use futures_util::Stream;
use http::StatusCode;
use subtle::ConstantTimeEq as _;
use veritally_board_api::{Problem, ProblemKind, paths};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::{Answer, Context, answer, body, read, reply};

pub(super) fn routes(context: &Context) -> BoxedFilter<(Response,)> {
    let (info, list, new) = (context.clone(), context.clone(), context.clone());
    let board = warp::path(paths::BOARD)
        .and(warp::path::end())
        .and(read())
        .and_then(move || answer(std::future::ready(reply::json(StatusCode::OK, &info.board.info()))));
    let elections = warp::path(paths::ELECTIONS).and(warp::path::end());
    let list = elections
        .and(read())
        .and_then(move || answer(std::future::ready(reply::json(StatusCode::OK, &list.board.summaries()))));
    let new = elections
        .and(warp::post())
        .and(warp::header::optional("authorization"))
        .and(warp::body::stream())
        .and_then(move |authorization: Option<String>, body| answer(create(new.clone(), authorization, body)));
    board.or(list).unify().or(new).unify().boxed()
}

async fn create<B: Buf>(
    context: Context,
    authorization: Option<String>,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Answer {
    authorize(&context, authorization.as_deref())?;
    let leaf = body::entry(body).await?;
    reply::json(StatusCode::CREATED, &context.board.create(leaf).await?)
}

fn authorize(context: &Context, authorization: Option<&str>) -> Result<(), Problem> {
    let refused =
        || Problem::new(ProblemKind::Unauthorized, "Send the token from operator.token in the board's folder.");
    let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(refused)?;
    let expected = context.operator_token.as_bytes();
    if bool::from(token.trim().as_bytes().ct_eq(expected)) { Ok(()) } else { Err(refused()) }
}
