"""What clinicians did with the cards: taken in, kept, reported."""
