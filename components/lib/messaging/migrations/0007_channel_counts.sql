-- Public channels are counted in it, all of them or those of a category.
CREATE INDEX channels_by_visibility ON channels (is_private, category)
