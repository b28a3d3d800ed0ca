-- All words of the search, in order. SQLite reads them from the index itself.
create virtual table words_of_products using fts5vocab (product_words, row);
