//! The product form: shows, checks and saves it.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::rt::spawn;
use actix_web::rt::task::JoinError;
use actix_web::web::{Data, Payload};
use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use crate::actions;
use crate::actions::{AddedPicture, Edited, PictureError, Shop};
use crate::domain::values::FileName;
use crate::domain::values::text::sentence;
use crate::infra::store;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::error::{DeskError, DeskResult};
use crate::interfaces::desk::form::{FieldList, new_idempotency_key, parse_idempotency_key};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::products::address::{address, find, preferred_currency, to_product};
use crate::interfaces::desk::products::edit_page::{
    EditPage, FileRow, Preview, ProductView, pools,
};
use crate::interfaces::desk::products::form::{
    FieldTexts, PictureFields, PriceColumns, ProductForm,
};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::upload::{UploadedFile, read_upload};
use crate::interfaces::http::now;

const NOTICES: [(&str, &str); 7] = [
    ("added", "The product was added."),
    ("saved", "The product was saved. The changes are live."),
    ("same", "No changes to save."),
    ("copied", "This is the copy. It is hidden and has no stock. Show it when it is ready."),
    (
        "hidden",
        "The product is hidden. Buyers cannot see it or order it, even if it is in their cart.",
    ),
    ("shown", "The product is visible again."),
    ("moved", "The product was moved."),
];

/// Units: pictures of one form that are processed at the same time.
const AT_ONCE: usize = 2;

pub async fn show(request: HttpRequest, desk: Data<Desk>, seller: Seller) -> DeskResult {
    let editor = Editor::new(&request, &desk, &seller).await?;
    let form = match &editor.product {
        Some(product) => ProductForm::of(product, &editor.columns),
        None => ProductForm::empty(&editor.columns),
    };
    editor.page(StatusCode::OK, form, &Feedback::default()).await
}

pub async fn submit(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> DeskResult {
    Editor::new(&request, &desk, &seller).await?.submit(body).await
}

/// What the page says beside the form's fields.
#[derive(Default)]
struct Feedback {
    errors: FieldTexts,
    /// The saved value of each field whose input differs from it.
    saved: FieldTexts,
    was_changed: bool,
    has_preview: bool,
}

/// The pictures of a form, in their order.
#[derive(Default)]
struct UploadedPictures {
    added: Vec<AddedPicture>,
    /// Why others are no pictures, in sentences.
    refused: Vec<String>,
}

impl UploadedPictures {
    /// # Errors
    /// A picture could not be stored: the upload ends.
    fn take(
        &mut self,
        processed: Result<Result<AddedPicture, PictureError>, JoinError>,
    ) -> Result<(), DeskError> {
        match processed.context("process a picture")? {
            Ok(picture) => self.added.push(picture),
            Err(PictureError::Refused(why)) => self.refused.push(sentence(&why)),
            Err(PictureError::Broken(error)) => return Err(error.into()),
        }
        Ok(())
    }
}

/// What is needed to answer a product form.
struct Editor<'a> {
    request: &'a HttpRequest,
    desk: &'a Desk,
    seller: &'a Seller,
    columns: PriceColumns,
    /// The product of the address; `None`: a new one.
    product: Option<EditedProduct>,
}

impl<'a> Editor<'a> {
    async fn new(
        request: &'a HttpRequest,
        desk: &'a Desk,
        seller: &'a Seller,
    ) -> Result<Self, DeskError> {
        let product = match request.match_info().get("slug") {
            Some(slug) => Some(find(desk, slug).await?),
            None => None,
        };
        let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
        let columns = PriceColumns::new(wallets, product.as_ref(), desk.shop.policy.price_in);
        Ok(Self { request, desk, seller, columns, product })
    }

    async fn submit(&self, body: Payload) -> DeskResult {
        let mut in_progress = FuturesOrdered::new();
        let mut uploaded = UploadedPictures::default();
        let (fields, _held) = read_upload(self.request, body, async |file| {
            // Until one of them is done, the browser waits with the next one.
            if AT_ONCE <= in_progress.len()
                && let Some(processed) = in_progress.next().await
            {
                uploaded.take(processed)?;
            }
            in_progress.push_back(spawn(add_picture(self.desk.shop.clone(), file)));
            Ok(())
        })
        .await?;
        while let Some(processed) = in_progress.next().await {
            uploaded.take(processed)?;
        }
        let fields = FieldList(fields);
        if self.product.is_none() {
            parse_idempotency_key(fields.get("once"))?;
        }
        let mut form = ProductForm::read(&fields, &self.columns);
        for AddedPicture { file, fingerprint } in uploaded.added {
            // A picture that was chosen twice is one picture.
            if !form.pictures.iter().any(|picture| picture.file == file) {
                let alt = String::new();
                form.pictures.push(PictureFields { file, fingerprint, alt, thumb: None });
            }
        }
        let mut feedback = Feedback::default();
        if !uploaded.refused.is_empty() {
            feedback.errors.insert("files".to_owned(), uploaded.refused.join(" "));
        }
        match fields.get("do") {
            "save" | "" => return self.save(form, feedback).await,
            "preview" => feedback.has_preview = true,
            "option-add" => form.options.push(ProductForm::new_option(&self.columns)),
            action => rearrange(&mut form, action),
        }
        if !feedback.errors.is_empty() {
            return self.refuse(form, feedback).await;
        }
        self.page(StatusCode::OK, form, &feedback).await
    }

    async fn save(&self, mut form: ProductForm, mut feedback: Feedback) -> DeskResult {
        // An empty row is no option.
        form.options.retain(|option| {
            !(option.id.is_empty()
                && option.name.trim().is_empty()
                && option.stock.is_empty()
                && option.weight.is_empty()
                && option.prices.iter().all(|price| price.coins.is_empty()))
        });
        let slug = self.product.as_ref().map(|product| &product.slug);
        let edit = match form.read_edit(&self.columns, slug) {
            Ok(edit) if feedback.errors.is_empty() => edit,
            Ok(_) => return self.refuse(form, feedback).await,
            Err(errors) => {
                feedback.errors.extend(errors);
                return self.refuse(form, feedback).await;
            }
        };
        match actions::edit_product(&self.desk.shop, edit, now()).await? {
            Edited::Kept(slug) if self.product.is_none() => Ok(to_product(&slug, "added")),
            Edited::Kept(slug) => Ok(to_product(&slug, "saved")),
            Edited::Same(slug) => Ok(to_product(&slug, "same")),
            Edited::Gone => Err(DeskError::NotFound),
            Edited::SlugTaken => {
                let text = "Another product already uses this slug.";
                feedback.errors.insert("slug".to_owned(), text.to_owned());
                self.refuse(form, feedback).await
            }
            Edited::NotDelivered { field, why } => {
                feedback.errors.insert(field.to_owned(), why);
                self.refuse(form, feedback).await
            }
            Edited::NoPictures(refused) => {
                for (n, why) in refused {
                    feedback.errors.insert(format!("picture.{n}"), sentence(&why));
                }
                self.refuse(form, feedback).await
            }
            Edited::Meanwhile(product) => {
                let saved = ProductForm::of(&product, &self.columns);
                // A form sent twice was saved the first time.
                if form.has_same_content(&saved) {
                    return Ok(to_product(&product.slug, "saved"));
                }
                feedback.saved = form.differences(&saved);
                feedback.was_changed = true;
                form.rebase(&saved);
                self.page(StatusCode::CONFLICT, form, &feedback).await
            }
        }
    }

    async fn refuse(&self, form: ProductForm, feedback: Feedback) -> DeskResult {
        self.page(StatusCode::UNPROCESSABLE_ENTITY, form, &feedback).await
    }

    async fn page(
        &self,
        status: StatusCode,
        mut form: ProductForm,
        feedback: &Feedback,
    ) -> DeskResult {
        let mut db = self.desk.shop.db.reader().await?;
        for picture in &mut form.pictures {
            if picture.thumb.is_none() {
                picture.thumb = store::pictures::find_thumb(&mut db, &picture.fingerprint).await?;
            }
        }
        let product = match &self.product {
            None => None,
            Some(product) => Some(ProductView {
                name: &product.name,
                hidden: product.hidden,
                position: store::products::find_place(&mut db, product.id).await?,
                n_products: store::seller_products::count(&mut db).await?.0,
                pools: pools(product),
            }),
        };
        let codes_left = match FileName::parse(&form.codes) {
            Ok(pool) => Some(store::codes::count_left(&mut db, &pool).await?),
            Err(_) => None,
        };
        let slug = self.product.as_ref().map(|product| product.slug.as_str());
        let categories = store::categories::list(&mut db).await?;
        let currency = preferred_currency(self.desk, &self.columns.wallets);
        let template = EditPage {
            layout: DeskLayout::new(self.seller, "/products").with_notice(self.request, &NOTICES),
            address: slug.map_or("/products/new".to_owned(), address),
            product,
            preview: feedback.has_preview.then(|| Preview::new(&form, currency)),
            idempotency_key: new_idempotency_key(),
            form: &form,
            fiat: self.columns.fiat,
            errors: &feedback.errors,
            saved: &feedback.saved,
            was_changed: feedback.was_changed,
            files: file_rows(actions::list_files(&self.desk.shop).await?, &form.files),
            codes_left,
            categories: categories.into_iter().map(|(name, _)| name).take(100).collect(),
        };
        page(status, &template)
    }
}

/// The files that are there, and those that the form names.
fn file_rows(there: Vec<FileName>, chosen: &[String]) -> Vec<FileRow> {
    let mut names: Vec<String> = there.iter().map(FileName::to_string).collect();
    names.extend(
        chosen.iter().filter(|name| !there.iter().any(|file| file.as_str() == *name)).cloned(),
    );
    let row = |name: String| FileRow {
        is_chosen: chosen.contains(&name),
        is_there: there.iter().any(|file| file.as_str() == name),
        name,
    };
    names.into_iter().map(row).collect()
}

async fn add_picture(shop: Shop, file: UploadedFile) -> Result<AddedPicture, PictureError> {
    let _held = file.held;
    if file.is_too_large {
        let name = file.name;
        return Err(PictureError::Refused(format!(
            "the picture {name:?} is larger than 32 MB, or all pictures together are larger than 100 MB: save it smaller, or upload it separately"
        )));
    }
    actions::add_picture(&shop, file.name, file.bytes).await
}

/// `action`: `option-up-2`, `picture-remove-0` and the like. Others change nothing.
fn rearrange(form: &mut ProductForm, action: &str) {
    let parts: Vec<&str> = action.splitn(3, '-').collect();
    let [rows, change, n] = parts[..] else { return };
    let Ok(n) = n.parse() else { return };
    match rows {
        "option" => rearrange_rows(&mut form.options, change, n),
        "picture" => rearrange_rows(&mut form.pictures, change, n),
        _ => {}
    }
}

fn rearrange_rows<T>(rows: &mut Vec<T>, change: &str, n: usize) {
    match change {
        "up" if 0 < n && n < rows.len() => rows.swap(n - 1, n),
        "down" if n + 1 < rows.len() => rows.swap(n, n + 1),
        "remove" if n < rows.len() => {
            rows.remove(n);
        }
        _ => {}
    }
}
