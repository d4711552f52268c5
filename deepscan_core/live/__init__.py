"""Maps of a view that changes: settings and clicks as JSON, and studies that are kept between two looks."""
