// A folder without sources still needs one for its static library.
