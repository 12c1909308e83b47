"""Running servers of this user: their entries on the disk, and requests to them."""
