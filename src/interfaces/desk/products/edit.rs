//! The product form: shows, checks and saves it.

use std::collections::VecDeque;

use actix_web::http::StatusCode;
use actix_web::rt::task::JoinHandle;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context;

use crate::actions;
use crate::actions::{AddedPicture, Edited, PictureError, Shop};
use crate::domain::payment::Wallet;
use crate::infra::store;
use crate::infra::store::products::EditedProduct;
use crate::interfaces::desk::error::DeskError;
use crate::interfaces::desk::form::{FieldList, Once, fresh_once};
use crate::interfaces::desk::layout::DeskLayout;
use crate::interfaces::desk::memory::HeldMemory;
use crate::interfaces::desk::page::page;
use crate::interfaces::desk::products::address::{address, find, go, preferred};
use crate::interfaces::desk::products::edit_page::{EditPage, Kept, pools, preview};
use crate::interfaces::desk::products::form::{PictureFields, ProductForm, Words};
use crate::interfaces::desk::session::Seller;
use crate::interfaces::desk::state::Desk;
use crate::interfaces::desk::upload::{UploadedFile, read_each};
use crate::interfaces::http::now;

const DONE: [(&str, &str); 7] = [
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

/// Units: pictures that are worked on at the same time, whatever the form brings.
const AT_ONCE: usize = 2;

pub async fn show(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
) -> Result<HttpResponse, DeskError> {
    let at = At::of(&request, &desk, &seller).await?;
    let wallets = store::wallets::list(&mut *desk.shop.db.reader().await?).await?;
    let form = match &at.product {
        Some(product) => ProductForm::of(product, &wallets),
        None => ProductForm::empty(&wallets),
    };
    at.page(StatusCode::OK, &wallets, form, &Said::default()).await
}

pub async fn submit(
    request: HttpRequest,
    desk: Data<Desk>,
    seller: Seller,
    body: Payload,
) -> Result<HttpResponse, DeskError> {
    At::of(&request, &desk, &seller).await?.answer(body).await
}

/// What is said beside the fields, and above them.
#[derive(Default)]
struct Said {
    words: Words,
    now: Words,
    is_meanwhile: bool,
    is_preview: bool,
}

/// Where a form is answered.
struct At<'a> {
    request: &'a HttpRequest,
    desk: &'a Desk,
    seller: &'a Seller,
    /// `None`: a new one.
    product: Option<EditedProduct>,
}

impl<'a> At<'a> {
    /// The product is the one that the address names.
    async fn of(
        request: &'a HttpRequest,
        desk: &'a Desk,
        seller: &'a Seller,
    ) -> Result<Self, DeskError> {
        let product = match request.match_info().get("slug") {
            Some(slug) => Some(find(desk, slug).await?),
            None => None,
        };
        Ok(Self { request, desk, seller, product })
    }

    /// Each button but the one that saves gives the form back with every word in it.
    async fn answer(&self, body: Payload) -> Result<HttpResponse, DeskError> {
        let wallets = store::wallets::list(&mut *self.desk.shop.db.reader().await?).await?;
        let (fields, _held, taken) = self.read(body).await?;
        if self.product.is_none() {
            Once::new(fields.get("once")).bytes()?;
        }
        let mut form = ProductForm::read(&fields, &wallets);
        let mut said = Said::default();
        let mut refused = Vec::new();
        for taken in taken {
            match taken {
                Ok(AddedPicture { file, fingerprint }) => {
                    // The same picture chosen twice is one picture.
                    if !form.pictures.iter().any(|picture| picture.file == file) {
                        let alt = String::new();
                        form.pictures.push(PictureFields { file, fingerprint, alt, thumb: None });
                    }
                }
                Err(why) => refused.push(capital(&why)),
            }
        }
        if !refused.is_empty() {
            said.words.insert("files".to_owned(), refused.join(". ") + ".");
        }
        match fields.get("do") {
            "save" | "" => return self.save(form, said, &wallets).await,
            "preview" => said.is_preview = true,
            "option-add" => form.options.push(ProductForm::new_option(&wallets)),
            change => rearrange(&mut form, change),
        }
        let status =
            if said.words.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        self.page(status, &wallets, form, &said).await
    }

    /// The form, and what became of each of its pictures, in their order.
    async fn read(
        &self,
        body: Payload,
    ) -> Result<(FieldList, HeldMemory, Vec<Result<AddedPicture, String>>), DeskError> {
        let mut under_way: VecDeque<JoinHandle<_>> = VecDeque::new();
        let mut taken = Vec::new();
        let (fields, held) = read_each(self.request, body, async |file: UploadedFile| {
            // While two are worked on, the browser waits with the next.
            while AT_ONCE <= under_way.len() {
                if let Some(next) = under_way.pop_front() {
                    taken.push(done(next).await?);
                }
            }
            let shop = self.desk.shop.clone();
            under_way.push_back(actix_web::rt::spawn(add_picture(shop, file)));
            Ok(())
        })
        .await?;
        for next in under_way {
            taken.push(done(next).await?);
        }
        Ok((FieldList(fields), held, taken))
    }

    async fn save(
        &self,
        mut form: ProductForm,
        mut said: Said,
        wallets: &[Wallet],
    ) -> Result<HttpResponse, DeskError> {
        // A row that nobody wrote into is no option.
        form.options.retain(|option| {
            let prices = option.prices.iter().all(|price| price.coins.is_empty());
            !(option.id.is_empty()
                && option.name.trim().is_empty()
                && option.stock.is_empty()
                && prices)
        });
        let of = self.product.as_ref().map(|product| &product.slug);
        let edit = match form.read_edit(wallets, of) {
            Ok(edit) if said.words.is_empty() => edit,
            Ok(_) => {
                return self.page(StatusCode::UNPROCESSABLE_ENTITY, wallets, form, &said).await;
            }
            Err(words) => {
                said.words.extend(words);
                return self.page(StatusCode::UNPROCESSABLE_ENTITY, wallets, form, &said).await;
            }
        };
        match actions::edit_product(&self.desk.shop, edit, now()).await? {
            Edited::Kept(slug) if self.product.is_none() => Ok(go(&slug, "added")),
            Edited::Kept(slug) => Ok(go(&slug, "saved")),
            Edited::Same(slug) => Ok(go(&slug, "same")),
            Edited::Gone => Err(DeskError::NotFound),
            Edited::SlugTaken => {
                let words = "Another product already uses this slug.";
                said.words.insert("slug".to_owned(), words.to_owned());
                self.page(StatusCode::UNPROCESSABLE_ENTITY, wallets, form, &said).await
            }
            Edited::NoPictures(refused) => {
                for (n, why) in refused {
                    said.words.insert(format!("picture.{n}"), capital(&why) + ".");
                }
                self.page(StatusCode::UNPROCESSABLE_ENTITY, wallets, form, &said).await
            }
            Edited::Meanwhile(there) => {
                let slug = there.slug.clone();
                let there = ProductForm::of(&there, wallets);
                // A form sent twice was saved the first time.
                if form.says_the_same(&there) {
                    return Ok(go(&slug, "saved"));
                }
                said.now = form.differences(&there);
                form.take_over(&there);
                said.is_meanwhile = true;
                self.page(StatusCode::CONFLICT, wallets, form, &said).await
            }
        }
    }

    async fn page(
        &self,
        status: StatusCode,
        wallets: &[Wallet],
        mut form: ProductForm,
        said: &Said,
    ) -> Result<HttpResponse, DeskError> {
        let mut db = self.desk.shop.db.reader().await?;
        for picture in &mut form.pictures {
            if picture.thumb.is_none() {
                picture.thumb = store::pictures::find_thumb(&mut db, &picture.fingerprint).await?;
            }
        }
        let kept = match &self.product {
            None => None,
            Some(product) => Some(Kept {
                name: product.name.clone(),
                address: address(&product.slug),
                hidden: product.hidden,
                place: store::products::find_place(&mut db, product.id).await?,
                n_products: store::seller_products::count(&mut db).await?.0,
                pools: pools(product),
            }),
        };
        let categories = store::categories::list(&mut db).await?;
        let template = EditPage {
            layout: DeskLayout::new(self.seller, "/products").told(self.request, &DONE),
            address: kept.as_ref().map_or("/products/new".to_owned(), |kept| kept.address.clone()),
            kept,
            preview: said.is_preview.then(|| preview(&form, preferred(self.desk, wallets))),
            once: fresh_once(),
            form: &form,
            words: &said.words,
            now: &said.now,
            is_meanwhile: said.is_meanwhile,
            categories: categories.into_iter().map(|(name, _)| name).take(100).collect(),
        };
        page(status, &template)
    }
}

async fn add_picture(shop: Shop, file: UploadedFile) -> Result<AddedPicture, PictureError> {
    let _held = file.held;
    if file.is_too_heavy {
        let name = file.name;
        return Err(PictureError::Refused(format!(
            "the picture {name:?} is larger than 32 MB, or all pictures together are larger than 100 MB: save it smaller, or upload it separately"
        )));
    }
    actions::add_picture(&shop, file.name, file.bytes).await
}

/// Waits for a picture: it is added, or why it is refused.
async fn done(
    under_way: JoinHandle<Result<AddedPicture, PictureError>>,
) -> Result<Result<AddedPicture, String>, DeskError> {
    match under_way.await.context("work on a picture")? {
        Ok(added) => Ok(Ok(added)),
        Err(PictureError::Refused(why)) => Ok(Err(why)),
        Err(PictureError::Broken(error)) => Err(error.into()),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default() + letters.as_str()
}

/// `option-up-2`, `picture-remove-0` and the like; what is none of these changes nothing.
fn rearrange(form: &mut ProductForm, change: &str) {
    let mut steps = change.splitn(3, '-');
    let (Some(what), Some(how), Some(n)) =
        (steps.next(), steps.next(), steps.next().and_then(|n| n.parse().ok()))
    else {
        return;
    };
    match what {
        "option" => shift(&mut form.options, how, n),
        "picture" => shift(&mut form.pictures, how, n),
        _ => {}
    }
}

fn shift<T>(rows: &mut Vec<T>, how: &str, n: usize) {
    match how {
        "up" if 0 < n && n < rows.len() => rows.swap(n - 1, n),
        "down" if n + 1 < rows.len() => rows.swap(n, n + 1),
        "remove" if n < rows.len() => {
            rows.remove(n);
        }
        _ => {}
    }
}
