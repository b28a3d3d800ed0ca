//! The desk's account pages: password, second factor, sessions.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::actions;
use crate::actions::ConfirmFactorError;
use crate::domain::login::{
    FactorSecret, N_RECOVERY_CODES, NewPassword, RecoveryCode, RecoveryHash, SessionSpan,
    TypedPassword,
};
use crate::domain::payment::qr;
use crate::infra::store;
use crate::infra::store::login::DeskCredentials;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::extract::VerifiedForm;
use crate::interfaces::desk::form::Confirmation;
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::login::signed_out;
use crate::interfaces::desk::page::{page, see_other};
use crate::interfaces::desk::password_prompt::PasswordPrompt;
use crate::interfaces::desk::session::{
    Seller, WRONG_PASSWORD_OR_CODE, confirms_password, confirms_password_and_code, is_right,
};
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
const NOTICES: [(&str, &str); 2] = [
    ("off", "2FA is off: signing in only requires the password."),
    ("begun", "The secret was created. Enter a verification code to activate it."),
];

#[derive(Template)]
#[template(path = "desk/account.html")]
struct AccountPage<'a> {
    layout: DeskLayout<'a>,
    has_factor: bool,
    n_recovery: usize,
    sessions: Vec<SessionSpan>,
}

async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let lock = store::login::find_credentials(&mut *desk.shop.db.reader().await?).await?;
    let template = AccountPage {
        layout: DeskLayout::new(&seller, SECTION).with_notice(&request, &NOTICES),
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
    prompt: PasswordPrompt,
    /// Why the new password is too weak.
    reasons: Vec<String>,
    /// Whether the new password was repeated differently.
    differs: bool,
}

impl<'a> PasswordPage<'a> {
    fn new(seller: &'a Seller) -> Self {
        let layout = DeskLayout::new(seller, SECTION);
        Self { layout, prompt: PasswordPrompt::default(), reasons: Vec::new(), differs: false }
    }
}

async fn show_password(seller: Seller) -> DeskResult {
    page(StatusCode::OK, &PasswordPage::new(&seller))
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
) -> DeskResult {
    let mut template = PasswordPage::new(&seller);
    template.differs = form.new != form.again;
    match NewPassword::parse(&form.new, &[&seller.site_name]) {
        Err(weak) => template.reasons = weak.0,
        Ok(_) if template.differs => {}
        Ok(new) => {
            let password = TypedPassword::of(&form.password);
            let salts = [random_bytes(), random_bytes()];
            let (shop, authenticator) = (&desk.shop, &desk.authenticator);
            let changed =
                actions::change_password(shop, authenticator, password, &new, salts, now()).await;
            if is_right(changed).await? {
                return Ok(signed_out(&request, "/login?done=password"));
            }
            template.prompt = PasswordPrompt::WRONG;
        }
    }
    page(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

#[derive(Template)]
#[template(path = "desk/sessions.html")]
struct SessionsPage<'a> {
    layout: DeskLayout<'a>,
    prompt: PasswordPrompt,
    sessions: Vec<SessionSpan>,
}

async fn show_sessions(desk: Data<Desk>, seller: Seller) -> DeskResult {
    let layout = DeskLayout::new(&seller, SECTION);
    let (prompt, sessions) = (PasswordPrompt::default(), open_sessions(&desk).await?);
    page(StatusCode::OK, &SessionsPage { layout, prompt, sessions })
}

async fn end_sessions(
    request: HttpRequest,
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<Confirmation>,
) -> DeskResult {
    if !confirms_password(&desk, &form.password).await? {
        let layout = DeskLayout::new(&seller, SECTION);
        let (prompt, sessions) = (PasswordPrompt::WRONG, open_sessions(&desk).await?);
        let template = SessionsPage { layout, prompt, sessions };
        return page(StatusCode::UNPROCESSABLE_ENTITY, &template);
    }
    actions::end_sessions(&desk.shop, now()).await?;
    Ok(signed_out(&request, "/login?done=ended"))
}

#[derive(Template)]
#[template(path = "desk/factor.html")]
struct FactorPage<'a> {
    layout: DeskLayout<'a>,
    state: FactorState,
    /// The pending secret.
    secret: String,
    qr_width: u32,
    n_recovery: usize,
    prompt: PasswordPrompt,
    faults: FactorFaults,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FactorState {
    Off,
    /// Until a code confirms the secret.
    Pending,
    On,
}

/// The errors of the page's forms.
#[derive(Default)]
struct FactorFaults {
    code: Option<&'static str>,
    off: Option<&'static str>,
    recovery: Option<&'static str>,
}

async fn show_factor(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let layout = DeskLayout::new(&seller, SECTION).with_notice(&request, &NOTICES);
    page(StatusCode::OK, &factor_page(&desk, layout).await?)
}

async fn factor_page<'a>(desk: &Desk, layout: DeskLayout<'a>) -> Result<FactorPage<'a>, DeskError> {
    let lock = store::login::find_credentials(&mut *desk.shop.db.reader().await?).await?;
    let pending = pending_factor(&lock);
    let uri = pending.map(|secret| secret.uri(layout.site_name));
    Ok(FactorPage {
        layout,
        state: match (&lock.factor, pending) {
            (Some(_), _) => FactorState::On,
            (None, Some(_)) => FactorState::Pending,
            (None, None) => FactorState::Off,
        },
        secret: pending.map(FactorSecret::text).unwrap_or_default(),
        qr_width: uri.and_then(|uri| qr::width(&uri).ok()).unwrap_or_default(),
        n_recovery: lock.factor.as_ref().map_or(0, |factor| factor.recovery.len()),
        prompt: PasswordPrompt::default(),
        faults: FactorFaults::default(),
    })
}

/// A secret is shown only until a code has confirmed it.
fn pending_factor(lock: &DeskCredentials) -> Option<&FactorSecret> {
    lock.pending_factor.as_ref().filter(|_| lock.factor.is_none())
}

async fn begin_factor(desk: Data<Desk>, _form: VerifiedForm<NoFields>) -> DeskResult {
    actions::begin_factor(&desk.shop, &FactorSecret::new(random_bytes())).await?;
    Ok(see_other("/account/factor?done=begun"))
}

async fn show_qr(desk: Data<Desk>, seller: Seller) -> DeskResult {
    let lock = store::login::find_credentials(&mut *desk.shop.db.reader().await?).await?;
    let secret = pending_factor(&lock).ok_or(DeskError::NotFound)?;
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

/// The only page with which a POST is answered directly: no later page could show the codes, which are not stored.
fn show_recovery(seller: &Seller, codes: &[RecoveryCode], is_first: bool) -> DeskResult {
    let layout = DeskLayout::new(seller, SECTION);
    let codes = codes.iter().map(RecoveryCode::text).collect();
    page(StatusCode::OK, &RecoveryPage { layout, codes, is_first })
}

fn new_recovery_codes() -> (Vec<RecoveryCode>, Vec<RecoveryHash>) {
    let codes: Vec<RecoveryCode> =
        (0..N_RECOVERY_CODES).map(|_| RecoveryCode::from_random(random_bytes())).collect();
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
) -> DeskResult {
    let is_password = confirms_password(&desk, &form.password).await?;
    if is_password {
        let (codes, hashes) = new_recovery_codes();
        match actions::confirm_factor(&desk.shop, &form.code, &hashes, now()).await {
            Ok(()) => return show_recovery(&seller, &codes, true),
            Err(ConfirmFactorError::Broken(error)) => return Err(error.into()),
            Err(ConfirmFactorError::NotBegun) => return Ok(see_other("/account/factor")),
            Err(ConfirmFactorError::WrongCode) => {}
        }
    }
    let mut template = factor_page(&desk, DeskLayout::new(&seller, SECTION)).await?;
    if is_password {
        template.faults.code = Some(
            "Wrong code. Check the clocks of your phone and of the server, then try the next code.",
        );
    } else {
        template.prompt = PasswordPrompt::WRONG;
    }
    page(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

async fn refuse_factor(desk: &Desk, seller: &Seller, faults: FactorFaults) -> DeskResult {
    let mut template = factor_page(desk, DeskLayout::new(seller, SECTION)).await?;
    template.faults = faults;
    page(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

async fn drop_factor(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<CodeForm>,
) -> DeskResult {
    if !confirms_password_and_code(&desk, &form.password, &form.code).await? {
        let off = Some(WRONG_PASSWORD_OR_CODE);
        return refuse_factor(&desk, &seller, FactorFaults { off, ..Default::default() }).await;
    }
    actions::drop_factor(&desk.shop, now()).await?;
    Ok(see_other("/account?done=off"))
}

async fn renew_recovery(
    desk: Data<Desk>,
    VerifiedForm { form, seller, .. }: VerifiedForm<CodeForm>,
) -> DeskResult {
    // Recovery codes replace the phone, so the password alone is not enough to get new ones.
    if !confirms_password_and_code(&desk, &form.password, &form.code).await? {
        let recovery = Some(WRONG_PASSWORD_OR_CODE);
        return refuse_factor(&desk, &seller, FactorFaults { recovery, ..Default::default() })
            .await;
    }
    let (codes, hashes) = new_recovery_codes();
    if !actions::renew_recovery(&desk.shop, &hashes, now()).await? {
        return Ok(see_other("/account/factor"));
    }
    show_recovery(&seller, &codes, false)
}
