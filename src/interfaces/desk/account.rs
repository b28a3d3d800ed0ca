//! The desk's account pages: password, second factor, sessions.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::{ConfirmFactorError, Credentials, Line};
use crate::domain::login::{
    FactorSecret, N_RECOVERY_CODES, NewPassword, RecoveryCode, RecoveryHash, SessionSpan,
    TypedPassword,
};
use crate::domain::payment::qr;
use crate::infra::store;
use crate::infra::store::login::DeskLock;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::Confirmation;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::login::signed_out;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::Fresh;
use crate::interfaces::desk::session::{Seller, is_right};
use crate::interfaces::desk::state::Desk;
use crate::interfaces::http::{NoFields, now, random_bytes};

pub fn addresses(config: &mut ServiceConfig) {
    config
        .route("/account", web::get().to(show))
        .route("/account/password", web::get().to(show_password))
        .route("/account/password", web::post().to(change_password))
        .route("/account/sessions", web::get().to(show_sessions))
        .route("/account/sessions", web::post().to(end_sessions))
        .route("/account/factor", web::get().to(show_factor))
        .route("/account/factor", web::post().to(begin_factor))
        .route("/account/factor.png", web::get().to(show_qr))
        .route("/account/factor/confirm", web::post().to(confirm_factor))
        .route("/account/factor/off", web::post().to(drop_factor))
        .route("/account/factor/recovery", web::post().to(renew_recovery));
}

const SECTION: &str = "/account";
const DONE: [(&str, &str); 2] = [
    ("off", "2FA is off: signing in only requires the password."),
    ("begun", "The secret was created. Enter a verification code to activate it."),
];
const NOT_BOTH: &str =
    "Wrong password or code. Nothing was changed. Each code works once: wait for the next one.";

#[derive(Template)]
#[template(path = "desk/account.html")]
struct AccountPage<'a> {
    layout: DeskLayout<'a>,
    has_factor: bool,
    n_recovery: usize,
    sessions: Vec<SessionSpan>,
}

async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let lock = store::login::find_lock(&mut *desk.shop.db.reader().await?).await?;
    let template = AccountPage {
        layout: DeskLayout::new(&seller, SECTION).told(&request, &DONE),
        has_factor: lock.factor.is_some(),
        n_recovery: lock.factor.map_or(0, |factor| factor.recovery.len()),
        sessions: open_sessions(&desk).await?,
    };
    page(StatusCode::OK, &template)
}

async fn open_sessions(desk: &Desk) -> Result<Vec<SessionSpan>, DeskError> {
    let now = now();
    let spans = store::login::list_sessions(&mut *desk.shop.db.reader().await?).await?;
    Ok(spans.into_iter().filter(|span| !span.is_over(now)).collect())
}

#[derive(Template)]
#[template(path = "desk/password.html")]
struct PasswordPage<'a> {
    layout: DeskLayout<'a>,
    fresh: Fresh,
    /// Why the new one is not taken.
    reasons: Vec<String>,
    differs: bool,
}

async fn show_password(seller: Seller) -> Result<HttpResponse, DeskError> {
    ask_password(&seller, StatusCode::OK, Fresh::asked(), Vec::new(), false)
}

fn ask_password(
    seller: &Seller,
    status: StatusCode,
    fresh: Fresh,
    reasons: Vec<String>,
    differs: bool,
) -> Result<HttpResponse, DeskError> {
    let layout = DeskLayout::new(seller, SECTION);
    page(status, &PasswordPage { layout, fresh, reasons, differs })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PasswordForm {
    password: String,
    new: String,
    again: String,
}

async fn change_password(
    request: HttpRequest,
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<PasswordForm>,
) -> Result<HttpResponse, DeskError> {
    let again = |fresh, reasons, differs| {
        ask_password(&seller, StatusCode::UNPROCESSABLE_ENTITY, fresh, reasons, differs)
    };
    let differs = form.new != form.again;
    let new = match NewPassword::parse(&form.new, &[&seller.site_name]) {
        Ok(new) if !differs => new,
        Ok(_) => return again(Fresh::asked(), Vec::new(), true),
        Err(weak) => return again(Fresh::asked(), weak.0, differs),
    };
    let password = TypedPassword::of(&form.password);
    let salts = [random_bytes(), random_bytes()];
    let done =
        actions::change_password(&desk.shop, &desk.authenticator, password, &new, salts, now());
    if is_right(done.await).await? {
        Ok(signed_out(&request, "/login?done=password"))
    } else {
        again(Fresh::refused(), Vec::new(), false)
    }
}

#[derive(Template)]
#[template(path = "desk/sessions.html")]
struct SessionsPage<'a> {
    layout: DeskLayout<'a>,
    fresh: Fresh,
    sessions: Vec<SessionSpan>,
}

async fn show_sessions(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    ask_sessions(&desk, &seller, StatusCode::OK, Fresh::asked()).await
}

async fn ask_sessions(
    desk: &Desk,
    seller: &Seller,
    status: StatusCode,
    fresh: Fresh,
) -> Result<HttpResponse, DeskError> {
    let layout = DeskLayout::new(seller, SECTION);
    page(status, &SessionsPage { layout, fresh, sessions: open_sessions(desk).await? })
}

async fn end_sessions(
    request: HttpRequest,
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> Result<HttpResponse, DeskError> {
    if let Some(fresh) = seller.fresh_password(&desk, &form.password).await? {
        return ask_sessions(&desk, &seller, StatusCode::UNPROCESSABLE_ENTITY, fresh).await;
    }
    actions::end_sessions(&desk.shop, now()).await?;
    Ok(signed_out(&request, "/login?done=ended"))
}

#[derive(Template)]
#[template(path = "desk/factor.html")]
struct FactorPage<'a> {
    layout: DeskLayout<'a>,
    stands: Stands,
    /// Of the secret that was begun.
    secret: String,
    qr_width: u32,
    fresh: Fresh,
    faults: FactorFaults,
    n_recovery: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Off,
    Begun,
    On,
}

/// What a form of this page was refused for.
#[derive(Default)]
struct FactorFaults {
    fresh: Fresh,
    code: Option<&'static str>,
    off: Option<&'static str>,
    recovery: Option<&'static str>,
}

async fn show_factor(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let layout = DeskLayout::new(&seller, SECTION).told(&request, &DONE);
    factor_page(&desk, layout, StatusCode::OK, FactorFaults::default()).await
}

async fn factor_page(
    desk: &Desk,
    layout: DeskLayout<'_>,
    status: StatusCode,
    faults: FactorFaults,
) -> Result<HttpResponse, DeskError> {
    let lock = store::login::find_lock(&mut *desk.shop.db.reader().await?).await?;
    let begun = begun_factor(&lock);
    let uri = begun.map(|secret| secret.uri(layout.site_name));
    let template = FactorPage {
        layout,
        stands: match (&lock.factor, begun) {
            (Some(_), _) => Stands::On,
            (None, Some(_)) => Stands::Begun,
            (None, None) => Stands::Off,
        },
        secret: begun.map(FactorSecret::text).unwrap_or_default(),
        qr_width: uri.and_then(|uri| qr::width(&uri).ok()).unwrap_or_default(),
        fresh: faults.fresh,
        faults,
        n_recovery: lock.factor.as_ref().map_or(0, |factor| factor.recovery.len()),
    };
    page(status, &template)
}

/// A secret is shown only until a code has confirmed it.
fn begun_factor(lock: &DeskLock) -> Option<&FactorSecret> {
    lock.pending_factor.as_ref().filter(|_| lock.factor.is_none())
}

async fn begin_factor(
    desk: Data<Desk>,
    _form: VerifiedForm<NoFields>,
) -> Result<HttpResponse, DeskError> {
    actions::begin_factor(&desk.shop, &FactorSecret::new(random_bytes())).await?;
    Ok(see_other("/account/factor?done=begun"))
}

async fn show_qr(desk: Data<Desk>, seller: Seller) -> Result<HttpResponse, DeskError> {
    let lock = store::login::find_lock(&mut *desk.shop.db.reader().await?).await?;
    let secret = begun_factor(&lock).ok_or(DeskError::NotFound)?;
    let png = qr::png(&secret.uri(&seller.site_name)).map_err(anyhow::Error::from)?;
    Ok(HttpResponse::Ok().content_type("image/png").body(png))
}

#[derive(Template)]
#[template(path = "desk/recovery.html")]
struct RecoveryPage<'a> {
    layout: DeskLayout<'a>,
    codes: Vec<String>,
    is_first: bool,
}

/// The one page that a POST answers itself: what it shows is kept nowhere, so that no page after it could.
fn recovery_page(
    seller: &Seller,
    codes: &[RecoveryCode],
    is_first: bool,
) -> Result<HttpResponse, DeskError> {
    let layout = DeskLayout::new(seller, SECTION);
    let codes = codes.iter().map(RecoveryCode::text).collect();
    page(StatusCode::OK, &RecoveryPage { layout, codes, is_first })
}

fn fresh_codes() -> (Vec<RecoveryCode>, Vec<RecoveryHash>) {
    let codes: Vec<RecoveryCode> =
        (0..N_RECOVERY_CODES).map(|_| RecoveryCode::from_chance(random_bytes())).collect();
    let hashes = codes.iter().map(RecoveryCode::hash).collect();
    (codes, hashes)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CodeForm {
    password: String,
    code: String,
}

async fn confirm_factor(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<CodeForm>,
) -> Result<HttpResponse, DeskError> {
    let mut faults = FactorFaults::default();
    if let Some(fresh) = seller.fresh_password(&desk, &form.password).await? {
        faults.fresh = fresh;
    } else {
        let (codes, hashes) = fresh_codes();
        match actions::confirm_factor(&desk.shop, &form.code, &hashes, now()).await {
            Err(ConfirmFactorError::Broken(error)) => return Err(error.into()),
            Ok(()) => return recovery_page(&seller, &codes, true),
            Err(ConfirmFactorError::NotBegun) => return Ok(see_other("/account/factor")),
            Err(ConfirmFactorError::WrongCode) => {
                faults.code = Some(
                    "Wrong code. Check the clocks of your phone and of the server, then try the next code.",
                );
            }
        }
    }
    refuse_factor(&desk, &seller, faults).await
}

/// The page once more, with what must be corrected.
async fn refuse_factor(
    desk: &Desk,
    seller: &Seller,
    faults: FactorFaults,
) -> Result<HttpResponse, DeskError> {
    let layout = DeskLayout::new(seller, SECTION);
    factor_page(desk, layout, StatusCode::UNPROCESSABLE_ENTITY, faults).await
}

/// Whether the form brings password and code.
async fn brings_both(desk: &Desk, form: &CodeForm) -> Result<bool, DeskError> {
    let given = Credentials {
        line: Line::Known,
        password: TypedPassword::of(&form.password),
        code: form.code.clone(),
    };
    let salt = random_bytes();
    let confirmed = actions::confirm_seller(&desk.shop, &desk.authenticator, given, salt, now());
    is_right(confirmed.await).await
}

async fn drop_factor(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<CodeForm>,
) -> Result<HttpResponse, DeskError> {
    if !brings_both(&desk, &form).await? {
        let faults = FactorFaults { off: Some(NOT_BOTH), ..FactorFaults::default() };
        return refuse_factor(&desk, &seller, faults).await;
    }
    actions::drop_factor(&desk.shop, now()).await?;
    Ok(see_other("/account?done=off"))
}

async fn renew_recovery(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<CodeForm>,
) -> Result<HttpResponse, DeskError> {
    // New codes are as good as the phone: the password alone is not enough.
    if !brings_both(&desk, &form).await? {
        let faults = FactorFaults { recovery: Some(NOT_BOTH), ..FactorFaults::default() };
        return refuse_factor(&desk, &seller, faults).await;
    }
    let (codes, hashes) = fresh_codes();
    if !actions::renew_recovery(&desk.shop, &hashes, now()).await? {
        return Ok(see_other("/account/factor"));
    }
    recovery_page(&seller, &codes, false)
}
