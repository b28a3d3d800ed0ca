# The home page, lists, search and product pages.

catalog-welcome = Welcome
catalog-notice = Notice
catalog-not-yet-open = You can browse, but ordering is not available yet.
catalog-empty = No products yet.
catalog-view-all =
    { $total ->
        [one] View all { $total } product
       *[other] View all { $total } products
    }
catalog-categories = Categories
catalog-all-products = All products
catalog-products =
    { $total ->
        [one] { $total } product
       *[other] { $total } products
    }
catalog-title-page = { $title }, page { $page }
catalog-paging = Pagination
catalog-page-of = Page { $page } of { $pages }
catalog-previous = ← Previous
catalog-next = Next →
catalog-search = Search
catalog-search-title = Search: { $query }
catalog-search-nothing-typed = Enter a search term above.
catalog-search-no-results = No results for “{ $query }”.
catalog-search-instead = No results for “{ $query }”. Showing results for <a href="{ $href }">{ $instead }</a>.
catalog-search-nearest = You may also like
catalog-sort = Sort by
catalog-sort-standard = Featured
catalog-sort-best = Best match
catalog-sort-newest = Newest
catalog-sort-price = Price
catalog-sort-name = Name
catalog-price-from = from { $price } { $currency }
catalog-sold-out = Sold out
catalog-few-left = Only { $left } left
catalog-contested =
    { $left ->
        [one] Others are paying for the last one: first payment wins
       *[other] Others are paying for the last { $left }: first payment wins
    }
catalog-in-stock = In stock
catalog-digital = Digital product: you get it on your order's page once the payment is confirmed. No address is needed.
catalog-pickup = You collect it in person: nothing is shipped, and no address is needed.
catalog-service = A service: nothing is shipped, and no address is needed.
catalog-breadcrumb = Breadcrumb
catalog-shop = Shop
catalog-other-currency = Not available in { $currency }.
catalog-no-rate = This product cannot be ordered in { $currency } right now: there is no current exchange rate.
catalog-only-in = { $currencies } only
catalog-switch = Switch to { $currency }
catalog-list-and = { $first } and { $last }
catalog-option = Option
catalog-option-choose = Choose an option
catalog-option-price = { $option }, { $price } { $currency }
catalog-option-sold-out = { $option } (sold out)
catalog-option-few-left = { $option } (only { $left } left)
catalog-option-contested =
    { $left ->
        [one] { $option } (others are paying for the last one)
       *[other] { $option } (others are paying for the last { $left })
    }
catalog-not-shipped-to = Not shipped to { $countries }.
catalog-quantity = Quantity
catalog-add = Add to cart
catalog-feed-title = { $name }: new products
catalog-related = Related products
catalog-next-product = Next: { $name } →
